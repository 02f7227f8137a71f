"""Search by words: how texts are cut into words, and an inverted index that scores them by BM25."""
