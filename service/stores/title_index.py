"""BM25 over titles in memory, by bm25s: what Milvus does with its function on `title`, for the exact store."""

from collections.abc import Sequence

import bm25s
import numpy as np
import numpy.typing as npt

from service.lexical.words import words


class TitleIndex:
    """The words of some titles. Not changed once it is built, so it may be used from several threads."""

    def __init__(self, titles: Sequence[str]) -> None:
        """Build the index: about a second for 50,000 titles."""
        self._size = len(titles)
        cut = [words(title) for title in titles]
        self._index = None
        if any(cut):  # bm25s does not take a corpus without a word
            self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
            self._index.index(cut, show_progress=False)

    def scores(self, text: str) -> npt.NDArray[np.float32]:
        """BM25 [n] by title; 0 where no word is shared."""
        if self._index is None:
            return np.zeros(self._size, np.float32)
        known = [word for word in words(text) if word in self._index.vocab_dict]
        return np.asarray(self._index.get_scores(known), np.float32) if known else np.zeros(self._size, np.float32)
