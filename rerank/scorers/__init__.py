"""Trained rerankers: a query and a document in, how relevant the one is to the other out.

`scorer` is their interface, `cross_encoder` runs one in this process, `remote` asks a server in one of its `dialects`.
"""
