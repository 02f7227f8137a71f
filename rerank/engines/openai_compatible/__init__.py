"""Any server that speaks OpenAI's chat completions with images: vLLM first, then SGLang, llama.cpp, hosted ones.

`payload` writes a request, `constraint` constrains the answer in the server's dialect, `client` sends it through
`rerank.model_server`, `reply` reads what comes back, and `engine` puts them together.
"""

from rerank.engines.openai_compatible.client import ChatClient
from rerank.engines.openai_compatible.constraint import Dialect
from rerank.engines.openai_compatible.engine import OpenAICompatibleEngine

__all__ = ["ChatClient", "Dialect", "OpenAICompatibleEngine"]
