"""The shipped VLM under the permutation constraint, and its vocabulary."""

import json
import random
import time

import pytest
import torch
from PIL import Image

from rerank.permutation import PermutationSpec, PermutationState
from starter.artwork import motif
from starter.rendering import KINDS, render_motif, render_product
from starter.vlm import Generated, StarterVLM
from starter.vlm.vocabulary import PREFIX, SEPARATOR, SUFFIX

LEOPARD, ROSE = "1f406", "1f339"


def _query(code: str = LEOPARD) -> Image.Image:
    return render_motif(motif("noto", code), random.Random(3), pixels=320)


def _wares(count: int) -> list[Image.Image]:
    rng = random.Random(5)
    return [render_product(kind, "white", motif("fluent", LEOPARD), rng) for kind in list(KINDS)[:count]]


def _rank(vlm: StarterVLM, text: str, query: Image.Image | None, wares: list[Image.Image]) -> Generated:
    prefix, separator, suffix = vlm.scaffold
    spec = PermutationSpec((prefix,), vlm.vocabulary.label_ids[: len(wares)], (separator,), (suffix,))
    seen = vlm.see([query])[0] if query is not None else None
    allowed_next = PermutationState(spec).allowed_next
    return vlm.rank(text, seen, vlm.see(wares), allowed_next=allowed_next, max_new_tokens=96)


@pytest.mark.parametrize("count", range(1, 10))
def test_every_list_is_ranked_whole_as_json(vlm: StarterVLM, count: int) -> None:
    answer = _rank(vlm, "a mug with this", _query(), _wares(count))
    found = json.loads(answer.text)
    assert sorted(found["ranking"]) == list(vlm.labels[:count])
    assert isinstance(found["reason"], str)
    assert answer.complete
    assert answer.label_scores is None if count == 1 else len(answer.label_scores or ()) == count


@pytest.mark.parametrize("count", [1, 2, 5, 9])
@pytest.mark.parametrize("text", ["a mug with this", ""])
def test_one_pass_gives_the_scores_of_the_first_ranking_step(vlm: StarterVLM, count: int, text: str) -> None:
    scores = vlm.score(text, vlm.see([_query()])[0], vlm.see(_wares(count)))
    assert len(scores) == count
    decoded = _rank(vlm, text, _query(), _wares(count))
    if count > 1:
        assert scores == pytest.approx(decoded.label_scores, abs=1e-4)
        best_first = sorted(range(count), key=lambda place: -scores[place])
        assert json.loads(decoded.text)["ranking"] == [vlm.labels[place] for place in best_first]


def test_words_alone_and_an_image_alone_are_queries_too(vlm: StarterVLM) -> None:
    for text, query in (("a red mug with a rose", None), ("", _query())):
        assert sorted(json.loads(_rank(vlm, text, query, _wares(4)).text)["ranking"]) == ["A", "B", "C", "D"]


def test_the_same_question_gets_the_same_answer(vlm: StarterVLM) -> None:
    first, second = (_rank(vlm, "a cap with this", _query(), _wares(5)) for _ in range(2))
    assert first == second


def test_what_was_asked_for_comes_first(vlm: StarterVLM) -> None:
    rng = random.Random(6)
    shown = [("mug", ROSE), ("phone case", ROSE), ("mug", LEOPARD), ("cap", "1f363")]
    pictures = [render_product(kind, "white", motif("fluent", code), rng) for kind, code in shown]
    assert json.loads(_rank(vlm, "a mug with this", _query(), pictures).text)["ranking"][0] == "C"


def test_a_caption_is_a_short_text(vlm: StarterVLM) -> None:
    caption = vlm.caption(vlm.see([_query()])[0], max_new_tokens=24)
    assert caption.complete
    assert 1 <= len(caption.text.split()) <= 12
    assert not set(caption.text) & set('"{}[]\\')


def test_few_tokens_leave_the_answer_incomplete(vlm: StarterVLM) -> None:
    prefix, separator, suffix = vlm.scaffold
    spec = PermutationSpec((prefix,), vlm.vocabulary.label_ids[:4], (separator,), (suffix,))
    seen, allowed_next = vlm.see(_wares(4)), PermutationState(spec).allowed_next
    answer = vlm.rank("mug", None, seen, allowed_next=allowed_next, max_new_tokens=5)
    assert not answer.complete
    assert answer.generated_tokens == 5


def test_a_passed_deadline_stops_the_work(vlm: StarterVLM) -> None:
    seen, late = vlm.see(_wares(2)), time.monotonic() - 1
    with pytest.raises(TimeoutError):
        vlm.see([_query()], deadline=late)
    with pytest.raises(TimeoutError):
        vlm.caption(seen[0], max_new_tokens=24, deadline=late)
    with pytest.raises(TimeoutError):
        vlm.score("a mug", None, seen, deadline=late)


def test_an_image_looks_the_same_alone_and_among_others(vlm: StarterVLM) -> None:
    together = vlm.see([_query(), *_wares(4)])
    alone = vlm.see([_query()])[0]
    for name in ("vectors", "tokens", "details"):
        ours, theirs = getattr(alone, name), getattr(together[0], name)
        if name != "vectors":
            ours, theirs = ours.both, theirs.both
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_what_it_cannot_rank_is_refused(vlm: StarterVLM) -> None:
    seen = vlm.see(_wares(2))
    for wares in ([], seen * 5):
        with pytest.raises(ValueError, match="1 to 9"):
            vlm.rank("mug", None, wares, allowed_next=lambda _: None, max_new_tokens=4)
        with pytest.raises(ValueError, match="1 to 9"):
            vlm.score("mug", None, wares)
    with pytest.raises(ValueError, match="a text, an image or both"):
        vlm.rank(" ", None, seen, allowed_next=lambda _: None, max_new_tokens=4)


def test_the_vocabulary_spells_the_answer_exactly(vlm: StarterVLM) -> None:
    vocabulary = vlm.vocabulary
    words = vocabulary.encode("a red mug with an axolotl")
    ids = [
        vocabulary.id(PREFIX),
        vocabulary.id("B"),
        vocabulary.id(SEPARATOR),
        vocabulary.id("A"),
        vocabulary.id(SUFFIX),
    ]
    assert vocabulary.decode([*ids, *words, vocabulary.id('"}')]) == (
        '{"ranking": ["B", "A"], "reason": "a red mug with an axolotl"}'
    )
