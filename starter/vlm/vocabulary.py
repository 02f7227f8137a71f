"""The starter VLM's vocabulary: MiniLM's word pieces, nine labels, and the marks of a question's parts."""

from starter.tokenizer import WordPieces

LABELS = "ABCDEFGHI"
ORDER = "<order>"
"""Where the order is due: the label scores are those of the step that reads it."""
_MARKS = (ORDER, "<rank>", "<picture>", "<candidate>")


class Vocabulary:
    """Text → token ids. Ids below `words` are MiniLM's; those above are this model's own."""

    def __init__(self, tokenizer: WordPieces) -> None:
        self._tokenizer = tokenizer
        self.words = len(tokenizer)
        self._own = {text: self.words + place for place, text in enumerate((*_MARKS, *LABELS))}

    @property
    def own(self) -> int:
        """Number of tokens beyond MiniLM's."""
        return len(self._own)

    def id(self, text: str) -> int:
        """Id of a label or a mark."""
        return self._own[text]

    def encode(self, text: str) -> list[int]:
        """Word pieces of `text`, without [CLS] and [SEP]."""
        return self._tokenizer.pieces(text)
