"""Chat completions, and the list of models, of a server."""

from collections.abc import Mapping

from rerank.engines.openai_compatible.reply import model_names
from rerank.model_server.client import ModelServer

__all__ = ["ChatClient"]


class ChatClient(ModelServer):
    """Posts to `{url}/chat/completions` and reads `{url}/models`."""

    def complete(self, body: Mapping[str, object], deadline: float | None = None) -> object:
        """Post a body and return the JSON of the reply. Raises as `post`."""
        return self.post("/chat/completions", body, deadline)

    def models(self, deadline: float) -> tuple[str, ...]:
        """The names of the models that the server offers, requested once.

        Raises as `get`, EngineError also for a list in another shape.
        """
        return model_names(self.get("/models", deadline))
