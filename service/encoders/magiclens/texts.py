"""Texts as CLIP cleans them before its tokenizer (openai/CLIP, `clip/simple_tokenizer.py`)."""

from __future__ import annotations

import html

import ftfy


def clean(text: str) -> str:
    """Mojibake and curly quotes mended, HTML entities resolved (twice), white space single, lower case."""
    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()
