# ruff: noqa: N818 (the tree tells what they are; a suffix on every name would only make them longer)
"""The errors of `rerank`.

    RerankError
    ├── EngineError            the model behind an engine failed
    │   ├── EngineTimeout      it did not answer before the deadline
    │   └── EngineOverloaded   it refused the work because it is full
    ├── PromptError            a prompt template is malformed, unknown, or lacks a value
    └── LayoutError            a prompt was written for another image layout than the engine takes

Engine errors never leave a strategy: they become the retrieval order with a declared fault. Prompt and layout
errors are mistakes of the caller and are raised before any model is asked.
"""

__all__ = ["EngineError", "EngineOverloaded", "EngineTimeout", "LayoutError", "PromptError", "RerankError"]


class RerankError(Exception):
    """Anything `rerank` raises on purpose."""


class EngineError(RerankError):
    """The model behind an engine failed."""


class EngineTimeout(EngineError):
    """The engine did not answer before the deadline."""


class EngineOverloaded(EngineError):
    """The engine refused the work because it has too much of it."""


class PromptError(RerankError):
    """A prompt template is malformed, unknown, of the wrong task, or lacks a value; the text names file and field."""


class LayoutError(RerankError):
    """The prompt speaks of a panel where the engine takes single images, or the other way round."""
