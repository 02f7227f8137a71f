"""LiteLLM's providers that talk to such servers: rerank and embedding, waited for and awaited."""

import asyncio
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch a price list

import litellm
from common import DOCUMENTS, IMAGE, KEY, MODEL, QUERY, URL, check_order, check_vectors

RERANK = {"cohere": URL, "jina_ai": f"{URL}/v1/rerank", "infinity": URL, "hosted_vllm": URL}
EMBED = {
    "openai": f"{URL}/v1",
    "jina_ai": f"{URL}/v1",
    "infinity": URL,
    "hosted_vllm": f"{URL}/v1",
    "cohere": f"{URL}/v2/embed",
}

for provider, base in RERANK.items():
    options = {"model": f"{provider}/{MODEL}", "query": QUERY, "documents": DOCUMENTS, "api_base": base, "api_key": KEY}
    check_order([result["index"] for result in litellm.rerank(**options, return_documents=False).results], 3)
    awaited = asyncio.run(litellm.arerank(**options, return_documents=False))
    check_order([result["index"] for result in awaited.results], 3)
    if provider != "infinity":  # Infinity answers a document as a plain string, all others as an object with a text
        kept = litellm.rerank(**options, top_n=2, return_documents=True).results
        assert {result["document"]["text"] for result in kept} <= set(DOCUMENTS) and len(kept) == 2
    print("rerank", provider)
for provider, base in EMBED.items():
    options = {"model": f"{provider}/{MODEL}", "input": DOCUMENTS, "api_base": base, "api_key": KEY}
    check_vectors([item["embedding"] for item in litellm.embedding(**options).data], 3)
    check_vectors([item["embedding"] for item in asyncio.run(litellm.aembedding(**options)).data], 3)
    print("embedding", provider)
one = litellm.embedding(model=f"openai/{MODEL}", input=[IMAGE], api_base=f"{URL}/v1", api_key=KEY)
check_vectors([one.data[0]["embedding"]], 1)
