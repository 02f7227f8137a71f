# ruff: noqa: N818 (the tree tells what they are; a suffix on every name would only make them longer)
"""The errors of `rerank`.

    RerankError
    ├── EngineError            the model behind an engine failed
    │   ├── EngineTimeout      it did not answer before the deadline
    │   ├── EngineOverloaded   it refused the work because it is overloaded
    │   ├── ModelServerFailed  a model server cannot be reached, or answered with an error
    │   └── RequestRefused     a model server answered that it does not accept this request
    ├── PromptError            a prompt template is malformed, unknown, or lacks a value
    └── LayoutError            a prompt was written for another image layout than the engine takes

Engine errors never leave a strategy: they become the retrieval order with a declared fault. Prompt and layout
errors are the caller's mistakes, raised before any model call.
"""

__all__ = [
    "EngineError",
    "EngineOverloaded",
    "EngineTimeout",
    "LayoutError",
    "ModelServerFailed",
    "PromptError",
    "RequestRefused",
    "RerankError",
]


class RerankError(Exception):
    """The base of all errors of `rerank`."""


class EngineError(RerankError):
    """The model behind an engine failed."""


class EngineTimeout(EngineError):
    """The engine did not answer before the deadline."""


class EngineOverloaded(EngineError):
    """The engine refused the work because it is overloaded."""


class ModelServerFailed(EngineError):
    """A model server cannot be reached, or answered with an error of its own."""


class RequestRefused(EngineError):
    """A model server understood the request, but does not accept it: a field, or its size."""


class PromptError(RerankError):
    """A prompt template is malformed, unknown, of the wrong task, or lacks a value; the text names file and field."""


class LayoutError(RerankError):
    """The prompt speaks of a panel where the engine takes single images, or the other way round."""
