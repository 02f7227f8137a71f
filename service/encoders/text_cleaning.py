"""Texts as models of CLIP's kind were trained on them: cleaned before their tokenizer sees them."""

from __future__ import annotations

import html
import string

import ftfy

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def clean(text: str) -> str:
    """As openai/CLIP (`clip/simple_tokenizer.py`): mojibake and curly quotes mended, HTML entities resolved (twice),
    white space single, lower case.
    """
    return _single_spaced(_basic(text)).lower()


def canonicalize(text: str) -> str:
    """As open_clip's `clean="canonicalize"`, after big_vision's `canonicalize_text`: ASCII punctuation goes, too."""
    return _single_spaced(_basic(text).replace("_", " ").translate(_PUNCTUATION).lower())


def _basic(text: str) -> str:
    return html.unescape(html.unescape(ftfy.fix_text(text)))


def _single_spaced(text: str) -> str:
    return " ".join(text.split())
