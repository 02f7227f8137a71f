"""An encoder behind a server: vLLM, TEI, infinity, or a hosted one (Cohere, Voyage, Jina).

`dialects` writes requests and reads replies, `replies` holds what is read against what was asked, `embedding_client`
splits a batch into requests and sends them through `rerank.model_server`, and `identity` recognizes the model by its
answers.
"""
