"""Multimodal models of sentence-transformers: EmbeddingGemma 2, Qwen3-VL-Embedding and others.

`sentence_files` finds and checks the files, `sentence_encoder` puts the model behind the `Encoder` protocol.
"""
