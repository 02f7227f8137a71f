"""The relevance lab: does reranking help on this catalogue? Data sets, runs, measures, and what they mean."""
