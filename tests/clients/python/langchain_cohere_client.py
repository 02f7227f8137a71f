"""LangChain with Cohere: the reranker and the embeddings."""

from common import DOCUMENTS, KEY, MODEL, QUERY, URL, check_order, check_vectors
from langchain_cohere import CohereEmbeddings, CohereRerank
from langchain_core.documents import Document

reranker = CohereRerank(cohere_api_key=KEY, base_url=URL, model=MODEL, top_n=2)
check_order([result["index"] for result in reranker.rerank(DOCUMENTS, QUERY)], 2)
kept = reranker.compress_documents([Document(page_content=text) for text in DOCUMENTS], QUERY)
assert len(kept) == 2 and kept[0].metadata["relevance_score"] >= kept[1].metadata["relevance_score"]
embeddings = CohereEmbeddings(cohere_api_key=KEY, base_url=URL, model=MODEL)
check_vectors(embeddings.embed_documents(DOCUMENTS), 3)
check_vectors([embeddings.embed_query(QUERY)], 1)
