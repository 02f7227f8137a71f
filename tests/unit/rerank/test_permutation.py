"""Constrained decoding: every walk through the automaton, and every `generate`, is a permutation."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LogitsProcessorList, Phi3Config, Phi3ForCausalLM, PreTrainedModel

from rerank.answer import ANSWER_PREFIX, ANSWER_SEPARATOR, ANSWER_SUFFIX
from rerank.labels import LABELS, labels
from rerank.parser import parse_ranking
from rerank.permutation import (
    PermutationLogitsProcessor,
    PermutationSpec,
    permutation_grammar,
)
from rerank.ranking import Fault

EOS, PAD = 1, 0
VOCABULARY = 48
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"do_sample": False},
    "sampling": {"do_sample": True, "temperature": 5.0, "top_p": 0.9, "top_k": 40},
    "beams": {"do_sample": False, "num_beams": 3},
    "beams sampling, many returned": {"do_sample": True, "num_beams": 4, "num_return_sequences": 4},
    "hindered by other processors": {"do_sample": False, "no_repeat_ngram_size": 1, "repetition_penalty": 2.0},
}


@dataclass(frozen=True)
class PermutationState:
    """The automaton over the ids generated so far (prompt excluded), written down a second time, plainly."""

    spec: PermutationSpec

    def allowed_next(self, generated: Sequence[int]) -> set[int] | None:
        """The tokens that may follow; None once the answer is complete and anything may."""
        if self.is_complete(generated):
            return None
        token = self.spec.pattern[len(generated)]
        return set(self.spec.labels).difference(self._written(generated)) if token is None else {token}

    def is_complete(self, generated: Sequence[int]) -> bool:
        return len(generated) >= len(self.spec.pattern)

    def order(self, generated: Sequence[int]) -> tuple[int, ...]:
        """The candidates written so far, best first, as positions into `labels`."""
        return tuple(map(self.spec.labels.index, self._written(generated)))

    def _written(self, generated: Sequence[int]) -> list[int]:
        return [generated[step] for step in self.spec.slots if step < len(generated)]


def spec_of(n: int) -> PermutationSpec:
    return PermutationSpec(prefix=(2, 3), labels=tuple(range(10, 10 + n)), separator=(4,), suffix=(6,))


def tiny(kind: str) -> PreTrainedModel:
    """A decoder that knows nothing, and whose next token is therefore anything."""
    model: Any
    torch.manual_seed(0)
    ids: dict[str, Any] = {"eos_token_id": EOS, "pad_token_id": PAD, "bos_token_id": EOS}
    if kind == "gpt2":
        model = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=8, n_layer=1, n_head=1, **ids))
    else:
        shape: dict[str, Any] = {
            "hidden_size": 8,
            "intermediate_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
        }
        model = Phi3ForCausalLM(Phi3Config(vocab_size=VOCABULARY, num_key_value_heads=1, **shape, **ids))
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(200)  # sharp preferences, so that the mask has work to do
    built: PreTrainedModel = model.eval()
    return built


@pytest.fixture(scope="module", params=["gpt2", "phi3"])
def model(request: pytest.FixtureRequest) -> Iterator[PreTrainedModel]:
    """On one thread: at this size threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tiny(request.param)
    torch.set_num_threads(threads)


def generated(model: Any, spec: PermutationSpec, prompt: torch.Tensor, more: int = 2, **way: Any) -> list[list[int]]:
    """What the model wrote behind the prompt, one list a row."""
    mask = PermutationLogitsProcessor(spec, prompt.shape[1])
    ids = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        logits_processor=LogitsProcessorList([mask]),
        max_new_tokens=len(spec.pattern) + more,
        **way,
    )
    written: list[list[int]] = ids[:, prompt.shape[1] :].tolist()
    return written


@pytest.mark.parametrize("way", WAYS)
def test_generate_gives_a_permutation_of_every_size(model: PreTrainedModel, way: str) -> None:
    """Every one greedily; what else there is, at the ends and between them."""
    prompt = torch.randint(10, VOCABULARY, (2, 4), generator=torch.Generator().manual_seed(1))
    for n in range(1, 27) if way == "greedy" else (1, 2, 3, 9, 26):
        state = PermutationState(spec_of(n))
        rows = generated(model, state.spec, prompt, **WAYS[way])
        assert len(rows) == 2 * WAYS[way].get("num_return_sequences", 1)
        for row in rows:
            assert state.is_complete(row)
            assert sorted(state.order(row)) == list(range(n))
            scaffold = [(due, token) for due, token in zip(state.spec.pattern, row, strict=False) if due is not None]
            assert all(due == token for due, token in scaffold)


def test_the_mask_changes_what_a_free_model_would_write(model: PreTrainedModel) -> None:
    prompt = torch.full((1, 3), 12)
    free = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=8, do_sample=False)  # type: ignore[operator]
    assert free[0, 3:].tolist() != generated(model, spec_of(9), prompt, do_sample=False)[0][:8]


def test_a_prompt_of_embeddings_has_length_zero(model: PreTrainedModel) -> None:
    spec = spec_of(5)
    mask = PermutationLogitsProcessor(spec, prompt_length=0)
    embeddings = model.get_input_embeddings()(torch.full((2, 7), 11))
    ids = model.generate(  # type: ignore[operator]
        inputs_embeds=embeddings,
        attention_mask=torch.ones(2, 7, dtype=torch.long),
        logits_processor=LogitsProcessorList([mask]),
        max_new_tokens=len(spec.pattern),
        do_sample=False,
    )
    assert [sorted(PermutationState(spec).order(row)) for row in ids.tolist()] == [list(range(5))] * 2


def test_the_first_ranking_step_leaves_the_scores_of_the_labels(model: PreTrainedModel) -> None:
    spec = spec_of(4)
    prompt = torch.full((3, 2), 20)
    mask = PermutationLogitsProcessor(spec, 2)
    written = torch.cat([prompt, torch.tensor([spec.prefix] * 3)], dim=1)
    logits = torch.randn(3, VOCABULARY)
    mask(written, logits)  # type: ignore[arg-type]
    first = mask.label_scores
    assert first is not None and torch.equal(first, logits[:, 10:14])
    mask(torch.cat([written, torch.tensor([[10, 4]] * 3)], dim=1), torch.randn(3, VOCABULARY))  # type: ignore[arg-type]
    assert mask.label_scores is first


def walks(state: PermutationState, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Every complete answer."""
    allowed = state.allowed_next(path)
    if allowed is None:
        yield path
    for token in allowed or ():
        yield from walks(state, (*path, token))


def test_the_walks_over_four_labels_are_the_24_permutations() -> None:
    state = PermutationState(spec_of(4))
    found = list(walks(state))
    assert len(found) == len({state.order(path) for path in found}) == 24


@given(st.integers(1, 26), st.lists(st.integers(0, VOCABULARY), max_size=90))
def test_something_is_always_allowed_whatever_was_written(n: int, written: list[int]) -> None:
    allowed = PermutationState(spec_of(n)).allowed_next(written)
    assert allowed is None or allowed


@given(st.integers(1, 26), st.integers(0, 3), st.data())
def test_the_mask_is_the_automaton(n: int, gap: int, data: st.DataObject) -> None:
    spec = PermutationSpec((), tuple(range(10, 10 + n)), (4,) * gap, (6,))
    state, prompt = PermutationState(spec), [7, 8]
    mask, row = PermutationLogitsProcessor(spec, len(prompt)), list[int]()
    while (allowed := state.allowed_next(row)) is not None:
        masked = mask(torch.tensor([prompt + row]), torch.zeros(1, VOCABULARY))  # type: ignore[arg-type]
        assert {i for i, score in enumerate(masked[0].tolist()) if score > -torch.inf} == allowed
        row.append(data.draw(st.sampled_from(sorted(allowed))))
    free = torch.zeros(1, VOCABULARY)
    assert mask(torch.tensor([prompt + row]), free) is free  # type: ignore[arg-type]
    assert sorted(state.order(row)) == list(range(n))


@pytest.mark.parametrize("value", [-torch.inf, torch.inf, torch.nan])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_broken_scores_block_no_label_that_is_due(value: float, dtype: torch.dtype) -> None:
    mask = PermutationLogitsProcessor(PermutationSpec((), (10, 11, 12), (), ()), 0)
    masked = mask(torch.tensor([[11]]), torch.full((1, VOCABULARY), value, dtype=dtype))  # type: ignore[arg-type]
    assert torch.isfinite(masked[0, [10, 12]]).all() and masked.dtype == dtype
    assert torch.isneginf(masked).sum() == VOCABULARY - 2


def test_a_wrong_prompt_length_is_noticed() -> None:
    mask = PermutationLogitsProcessor(spec_of(2), prompt_length=5)
    with pytest.raises(ValueError, match="3 input ids"):
        mask(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, VOCABULARY))  # type: ignore[arg-type]


@pytest.mark.parametrize("ids", [(), (1, 1), tuple(range(27))])
def test_impossible_labels_are_refused(ids: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="label"):
        PermutationSpec((), ids, (), ())
    with pytest.raises(ValueError, match="label"):
        permutation_grammar([str(i) for i in ids])


@given(st.integers(1, 26).flatmap(lambda n: st.permutations(range(n))))
def test_the_scaffold_is_what_the_parser_reads(order: list[int]) -> None:
    written = ANSWER_SEPARATOR.join(LABELS[place] for place in order)
    text = f'{ANSWER_PREFIX}{written}{ANSWER_SUFFIX}it fits"}}'
    assert json.loads(text)["reason"] == "it fits"
    for cut in (text, text[: text.index("fits")]):
        ranking = parse_ranking(cut, len(order), anchored=True)
        assert (list(ranking.order), ranking.fault) == (order, Fault.OK)


def test_the_grammar_names_each_label_once_first_and_once_later() -> None:
    grammar = permutation_grammar(labels(26))
    assert "%if is_ones([0:26])" in grammar
    assert all(grammar.count(f"set_bit({bit})") == 2 and f"bit_clear({bit})" in grammar for bit in range(26))


@pytest.mark.parametrize("n", [1, 2, 9, 26])
def test_the_grammar_accepts_exactly_permutations(n: int) -> None:
    llguidance = pytest.importorskip("llguidance")
    tokenizer = llguidance.LLTokenizer("byte")

    def accepts(text: str) -> bool:
        matcher = llguidance.LLMatcher(tokenizer, permutation_grammar(labels(n)))
        assert not matcher.is_error(), matcher.get_error()
        return bool(matcher.consume_tokens(list(text.encode())) and matcher.is_accepting())

    def answer(letters: list[str]) -> str:
        return ANSWER_PREFIX + ANSWER_SEPARATOR.join(letters) + ANSWER_SUFFIX + 'it fits"}'

    full = [*reversed(labels(n))]
    assert accepts(answer(full))
    assert not accepts(answer(full[:-1]))
    assert not accepts(answer([*full, full[0]]))
    assert not accepts(answer([full[0]] * n)) or n == 1
