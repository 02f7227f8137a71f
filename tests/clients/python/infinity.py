"""Infinity's generated client: vectors of texts and images, rerank, models, health."""

from common import DOCUMENTS, IMAGE, KEY, MODEL, QUERY, URL, check_order, check_vectors
from infinity_client import AuthenticatedClient
from infinity_client.api.default import embeddings, rerank
from infinity_client.models import (
    OpenAIEmbeddingInputImage,
    OpenAIEmbeddingInputImageModality,
    OpenAIEmbeddingInputText,
    RerankInput,
)

with AuthenticatedClient(base_url=URL, token=KEY, raise_on_unexpected_status=True) as client:
    texts = embeddings.sync(client=client, body=OpenAIEmbeddingInputText(model=MODEL, input_=DOCUMENTS))
    check_vectors([item.embedding for item in texts.data], 3)
    images = OpenAIEmbeddingInputImage(model=MODEL, input_=[IMAGE], modality=OpenAIEmbeddingInputImageModality.IMAGE)
    check_vectors([item.embedding for item in embeddings.sync(client=client, body=images).data], 1)
    ranked = rerank.sync(
        client=client, body=RerankInput(model=MODEL, query=QUERY, documents=DOCUMENTS, return_documents=True)
    )
    check_order([result.index for result in ranked.results], 3)
