"""Visualized BGE (FlagOpen/FlagEmbedding, research/visual_bge) on plain torch and transformers' text encoders.

An image's tokens are placed between the `[CLS]` of a BGE text encoder and the words, so that one vector stands for
both. Read `encoder.py` for use, `model.py` for the composition, `checkpoint.py` for files.
"""
