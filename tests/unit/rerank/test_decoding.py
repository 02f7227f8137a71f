"""Labels as single tokens in tokenizers of every make, the ends of a decoding, and what it came to."""

import random
import time
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from rerank.answer import ANSWER_PREFIX, ANSWER_SEPARATOR, ANSWER_SUFFIX
from rerank.engines.decoding import (
    AnswerEnd,
    StopAtDeadline,
    answer_start,
    label_logits,
    permutation_spec,
    to_generation,
    to_text,
)
from rerank.errors import EngineError, EngineTimeout
from rerank.labels import labels
from rerank.permutation import PermutationSpec
from tests.unit.rerank.checkpoints import QWEN_MARKS, fast, words

TEXTS = ['{"ranking": ["A", "B"], "reason": "it is a fine case with a leopard"}', "the ranking of the products"] * 50


@pytest.fixture(scope="module")
def byte_level() -> PreTrainedTokenizerFast:
    return words(QWEN_MARKS, "<|im_end|>")


def metaspace() -> PreTrainedTokenizerFast:
    """As in Llama and Phi-3: a space is a letter of its own, and one stands before every text."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    alphabet = [*labels(26), *'{}[]":,▁']
    spaced = [text.replace(" ", "▁") for text in ["▁", '["', '{"', *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "▁reason"]]
    trainer = trainers.BpeTrainer(vocab_size=70, special_tokens=["<unk>"], initial_alphabet=alphabet)
    bpe.train_from_iterator([*spaced, *(letter for letter in "rankingeso")] * 9, trainer)
    made: PreTrainedTokenizerFast = fast(tokenizer_object=bpe, unk_token="<unk>")
    return made


def melting() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that has one token for a quote with an A behind it, but none for the other letters."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: place for place, piece in enumerate([*alphabet, '"A'])}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[('"', "A")]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    made: PreTrainedTokenizerFast = fast(tokenizer_object=bpe)
    return made


def lower_case() -> PreTrainedTokenizerFast:
    """A tokenizer that knows no capitals."""
    pieces = Tokenizer(models.WordLevel({"[UNK]": 0, **{chr(97 + i): i + 1 for i in range(26)}}, unk_token="[UNK]"))
    pieces.normalizer = normalizers.Lowercase()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made: PreTrainedTokenizerFast = fast(tokenizer_object=pieces, unk_token="[UNK]")
    return made


def ids_of(spec: PermutationSpec, order: list[int]) -> list[int]:
    due = iter(order)
    return [spec.labels[next(due)] if token is None else token for token in spec.pattern]


def text_of(order: list[int]) -> str:
    return ANSWER_PREFIX + ANSWER_SEPARATOR.join(labels(26)[place] for place in order) + ANSWER_SUFFIX


@pytest.mark.parametrize("n", [1, 2, 9, 26])
def test_the_ids_are_those_the_tokenizer_gives_to_the_whole_answer(byte_level: PreTrainedTokenizerFast, n: int) -> None:
    spec, rng = permutation_spec(byte_level, labels(n)), random.Random(n)
    for _ in range(20):
        order = rng.sample(range(n), n)
        assert ids_of(spec, order) == byte_level.encode(text_of(order), add_special_tokens=False)


@pytest.mark.parametrize("make", [metaspace, melting])
def test_awkward_tokenizers_write_the_same_text(make: Any) -> None:
    tokenizer = make()
    spec = permutation_spec(tokenizer, labels(26))
    order = random.Random(0).sample(range(26), 26)
    assert to_text(tokenizer, ids_of(spec, order)) == text_of(order)


def test_where_neighbors_melt_the_pieces_stand_alone() -> None:
    tokenizer = melting()
    spec = permutation_spec(tokenizer, labels(3))
    assert [tokenizer.convert_ids_to_tokens(token) for token in spec.labels] == ["A", "B", "C"]
    assert ids_of(spec, [0, 1, 2]) != tokenizer.encode(text_of([0, 1, 2]), add_special_tokens=False)


def test_a_tokenizer_without_capitals_is_refused() -> None:
    with pytest.raises(EngineError, match="tokenizer cannot write"):
        permutation_spec(lower_case(), labels(2))
    with pytest.raises(EngineError, match="tokenizer cannot write"):
        answer_start(lower_case(), labels(2), "")


@pytest.mark.parametrize("names", [(), ("A", "A"), ("A", "Be"), (*labels(26), "a")])
def test_impossible_labels_are_an_engine_error(byte_level: PreTrainedTokenizerFast, names: tuple[str, ...]) -> None:
    with pytest.raises(EngineError):
        permutation_spec(byte_level, names)


def test_another_frame_is_kept_to(byte_level: PreTrainedTokenizerFast) -> None:
    spec = permutation_spec(byte_level, labels(3), prefix="", separator=" > ", suffix="")
    assert to_text(byte_level, ids_of(spec, [2, 0, 1])) == "C > A > B"
    assert not spec.prefix and not spec.suffix


def test_the_start_of_an_answer_is_that_of_the_whole(byte_level: PreTrainedTokenizerFast) -> None:
    for n in (1, 2, 26):
        spec = permutation_spec(byte_level, labels(n))
        assert answer_start(byte_level, labels(n), ANSWER_PREFIX) == (spec.prefix, spec.labels)


def test_an_answer_may_begin_with_its_label(byte_level: PreTrainedTokenizerFast) -> None:
    start, ids = answer_start(byte_level, ("A", "B"), "")
    assert start == () and byte_level.convert_ids_to_tokens(list(ids)) == ["A", "B"]
    start, ids = answer_start(byte_level, ("A", "B"), " ")
    assert start == () and byte_level.convert_ids_to_tokens(list(ids)) == ["ĠA", "ĠB"]


def test_the_deadline_is_a_timeout_and_none_is_no_end() -> None:
    ids = torch.zeros(2, 3, dtype=torch.long)
    assert StopAtDeadline(None)(ids, None).tolist() == [False, False]
    assert StopAtDeadline(time.monotonic() + 600)(ids, None).tolist() == [False, False]
    with pytest.raises(EngineTimeout):
        StopAtDeadline(time.monotonic())(ids, None)


@pytest.mark.parametrize(
    ("written", "over"),
    [('fits"}', True), ('fits"\n} and', True), ('fits "well', False), (r"says \"}", False), ("fits}", False)],
)
def test_the_answer_ends_where_its_json_does(byte_level: PreTrainedTokenizerFast, written: str, over: bool) -> None:
    before = byte_level.encode('{"reason": "a "} b', add_special_tokens=False)
    row = [*before, *byte_level.encode(written, add_special_tokens=False)]
    assert AnswerEnd(byte_level, len(before))(torch.tensor([row]), None).tolist() == [over]


def test_label_logits_keep_the_order_of_the_labels() -> None:
    assert label_logits(torch.arange(10, dtype=torch.bfloat16), (7, 2, 5)) == (7.0, 2.0, 5.0)


def test_a_finished_answer_loses_its_padding(byte_level: PreTrainedTokenizerFast) -> None:
    end = byte_level.eos_token_id
    ids = byte_level.encode("a leopard", add_special_tokens=False)
    made = to_generation(byte_level, [*ids, end, end, end], limit=len(ids) + 3, prompt_tokens=7, stop_ids={end})
    assert (made.text, made.finish, made.prompt_tokens, made.generated_tokens) == ("a leopard", "stop", 7, len(ids) + 1)


def test_an_answer_as_long_as_its_limit_was_cut_off(byte_level: PreTrainedTokenizerFast) -> None:
    ids = byte_level.encode("a leopard", add_special_tokens=False)
    scores = (1.0, 2.0)
    made = to_generation(byte_level, ids, limit=len(ids), prompt_tokens=1, label_scores=scores)
    assert (made.finish, made.label_scores) == ("length", scores)
    assert to_generation(byte_level, ids, limit=len(ids) + 1, prompt_tokens=1).finish == "stop"


def test_the_given_beginning_is_part_of_the_text_and_not_of_the_count(byte_level: PreTrainedTokenizerFast) -> None:
    spec = permutation_spec(byte_level, labels(2))
    made = to_generation(byte_level, spec.labels[:1], limit=1, prompt_tokens=9, prefix=spec.prefix)
    assert (made.text, made.generated_tokens) == ('{"ranking": ["A', 1)
