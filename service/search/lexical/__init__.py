"""Lexical search: tokenization, and an inverted index with BM25 scores."""
