"""Calls to servers that run models: JSON over HTTP, before a deadline, whatever the server does.

`client` sends a request and tries again after the `pauses` it should make, `receive` takes the reply off the wire,
`breaker` stops asking a server that fails again and again, `side_by_side` makes several calls at once, and `data_uri`
writes an image into a body. Chat completions, rerankers and embeddings share all of it. `client` brings httpx, which is
slow to import, so nothing is imported here.
"""
