"""The tokenizer of random checkpoints; their weights are too large for the suite."""

from pathlib import Path

import pytest

from benchmarks.random_visualized_bge import random_tokenizer
from service.encoders.tokens import Tokenizer
from service.encoders.visualized_bge.config import published


@pytest.mark.parametrize(
    ("name", "first", "last", "pad"), [("visualized-bge-base-en", 101, 102, 0), ("visualized-bge-m3", 0, 2, 1)]
)
def test_the_tokenizer_fits_the_model(tmp_path: Path, name: str, first: int, last: int, pad: int) -> None:
    model = published(name)
    random_tokenizer(model).save_pretrained(tmp_path)
    tokenizer = Tokenizer(tmp_path, model.text.vocab_size)
    ids = tokenizer(["A blue mug, 12 €!"], [64])[0].ids
    assert (ids[0], ids[-1], tokenizer.pad_id) == (first, last, pad)
    assert len(ids) > 12 and max(ids) < model.text.vocab_size
