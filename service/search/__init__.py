"""The search pipeline: retrieval, reranking, and the answer."""
