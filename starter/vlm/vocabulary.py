"""The starter VLM's vocabulary: MiniLM's word pieces, nine labels, and each piece of the JSON answer as one token."""

from collections.abc import Iterable
from functools import cached_property

from transformers import BertTokenizer

LABELS = "ABCDEFGHI"
PREFIX, SEPARATOR, SUFFIX, END = '{"ranking": ["', '", "', '"], "reason": "', '"}'
_TASKS = ("<caption>", "<rank>", "<picture>", "<candidate>")
_UNSPOKEN = '"\\{}[]'


class Vocabulary:
    """Token ids ↔ text. Ids below `words` are MiniLM's; those above are this model's own."""

    def __init__(self, tokenizer: BertTokenizer) -> None:
        self._tokenizer = tokenizer
        self.words = len(tokenizer)
        own = [PREFIX, SEPARATOR, SUFFIX, END, *_TASKS, *LABELS]
        self._own = {text: self.words + place for place, text in enumerate(own)}
        self._text = {token: text for text, token in self._own.items()}

    def __len__(self) -> int:
        return self.words + len(self._own)

    @property
    def own(self) -> int:
        """Number of tokens beyond MiniLM's."""
        return len(self._own)

    def id(self, text: str) -> int:
        """Id of a label, a piece of the answer or a task mark."""
        return self._own[text]

    @cached_property
    def label_ids(self) -> tuple[int, ...]:
        """Ids of A…I."""
        return tuple(self._own[label] for label in LABELS)

    @cached_property
    def unspoken(self) -> tuple[int, ...]:
        """Ids that free text must not hold: all marks but END, MiniLM's specials, what would break a JSON string."""
        pieces = self._tokenizer.get_vocab()
        marks = [token for text, token in self._own.items() if text != END]
        return (*marks, *(pieces[mark] for mark in _UNSPOKEN), *self._tokenizer.all_special_ids)

    def encode(self, text: str) -> list[int]:
        """Word pieces of `text`, without [CLS] and [SEP]."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Iterable[int]) -> str:
        """The text that `ids` stand for; the answer's pieces give exactly their characters."""
        text, run = "", list[int]()
        for token in ids:
            if token < self.words:
                run.append(token)
            else:
                text, run = text + self._words(run) + self._text[token], []
        return text + self._words(run)

    def _words(self, run: list[int]) -> str:
        return str(self._tokenizer.decode(run, skip_special_tokens=True)) if run else ""
