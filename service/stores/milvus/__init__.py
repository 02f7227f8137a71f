"""Milvus: a local file (Milvus Lite), a server, a cluster or Zilliz Cloud."""
