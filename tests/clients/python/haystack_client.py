"""Haystack: OpenAI's embedders, and Cohere's embedder and ranker."""

from common import DOCUMENTS, KEY, MODEL, QUERY, URL, check_vectors
from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.utils import Secret
from haystack_integrations.components.embedders.cohere import CohereDocumentEmbedder
from haystack_integrations.components.rankers.cohere import CohereRanker

secret, texts = Secret.from_token(KEY), [Document(content=text) for text in DOCUMENTS]
one = OpenAITextEmbedder(api_key=secret, model=MODEL, api_base_url=f"{URL}/v1").run(text=QUERY)
check_vectors([one["embedding"]], 1)
many = OpenAIDocumentEmbedder(api_key=secret, model=MODEL, api_base_url=f"{URL}/v1", progress_bar=False).run(
    documents=texts
)
check_vectors([document.embedding for document in many["documents"]], 3)
cohere = CohereRanker(model=MODEL, api_key=secret, api_base_url=URL, top_k=2)
assert len(cohere.run(query=QUERY, documents=texts)["documents"]) == 2
embedder = CohereDocumentEmbedder(model=MODEL, api_key=secret, api_base_url=URL, progress_bar=False)
check_vectors([document.embedding for document in embedder.run(documents=texts)["documents"]], 3)
