"""How titles and queries are cut into words, by all stores alike."""

import re

_WORDS = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Runs of letters and digits in small letters, as Milvus's standard analyser cuts them."""
    return _WORDS.findall(text.lower())
