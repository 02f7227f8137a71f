"""MagicLens (Zhang et al. 2024, arXiv:2403.19651; google-deepmind/magiclens) on plain torch and transformers' CLIP.

One image and one instruction → one vector; an image alone goes with the empty text. Read `magiclens_encoder.py` for
use, `network.py` for the arithmetic, `layout.py` for the names in the published files.
"""
