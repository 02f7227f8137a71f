"""Any server that speaks OpenAI's chat completions with images: vLLM first, then SGLang, llama.cpp, hosted ones.

`payload` writes a request, `constraint` constrains the answer in the server's dialect, `client` sends it
and tries again after the `pauses` it should make, `receive` takes the reply off the wire, `reply` reads it, and
`engine` puts them together.
"""

from rerank.engines.openai_compatible.client import ChatClient
from rerank.engines.openai_compatible.constraint import Dialect
from rerank.engines.openai_compatible.engine import OpenAICompatibleEngine

__all__ = ["ChatClient", "Dialect", "OpenAICompatibleEngine"]
