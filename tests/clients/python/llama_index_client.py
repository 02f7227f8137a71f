"""LlamaIndex: embeddings as of OpenAI and TEI, and the rerankers of Cohere and TEI."""

from common import DOCUMENTS, KEY, MODEL, QUERY, URL, check_vectors
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
from llama_index.postprocessor.cohere_rerank import CohereRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

embeddings = OpenAILikeEmbedding(model_name=MODEL, api_base=f"{URL}/v1", api_key=KEY)
check_vectors(embeddings.get_text_embedding_batch(DOCUMENTS), 3)
check_vectors([embeddings.get_query_embedding(QUERY)], 1)
nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in DOCUMENTS]
tei = TextEmbeddingsInference(model_name=MODEL, base_url=URL, auth_token=KEY)
check_vectors(tei.get_text_embedding_batch(DOCUMENTS), 3)
for reranker in (
    CohereRerank(api_key=KEY, base_url=URL, model=MODEL, top_n=2),
    TextEmbeddingInference(base_url=URL, auth_token=f"Bearer {KEY}", top_n=2),
):
    kept = reranker.postprocess_nodes(nodes, query_bundle=QueryBundle(QUERY))
    assert len(kept) == 2 and kept[0].score >= kept[1].score
