"""The relevance lab: does reranking help on this catalog? Data sets, runs, measures, and what they mean."""
