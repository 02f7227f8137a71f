"""The shipped VLM: scores for every list, of words, images or both."""

import random
import time

import pytest
import torch
from PIL import Image
from torch import Tensor

from service.encoders.compiled.graph import CompiledPass
from starter.artwork import motif
from starter.embedder import StarterEmbedder
from starter.fused import FusedEmbedder
from starter.rendering import KINDS, render_motif, render_product
from starter.views import Views
from starter.vlm import Offer, StarterVLM
from starter.vlm.decoder import Decoder
from starter.vlm.label_scorer import LabelScorer, example, label_scorer
from starter.vlm.vectors import question_vectors
from starter.vlm.vocabulary import Vocabulary

LEOPARD, ROSE = "1f406", "1f339"


def _query(code: str = LEOPARD) -> Image.Image:
    return render_motif(motif("noto", code), random.Random(3), pixels=320)


def _wares(count: int) -> list[Image.Image]:
    rng = random.Random(5)
    return [render_product(kind, "white", motif("fluent", LEOPARD), rng) for kind in list(KINDS)[:count]]


def _scores(vlm: StarterVLM, text: str, query: Image.Image | None, wares: list[Image.Image]) -> tuple[float, ...]:
    seen = vlm.see([query])[0] if query is not None else None
    return vlm.score(text, seen, _offer(vlm, wares)).scores


def _offer(vlm: StarterVLM, wares: list[Image.Image]) -> Offer:
    return vlm.features.read(vlm.features.extract(wares))


@pytest.mark.parametrize("count", [1, 2, 5, 9])
@pytest.mark.parametrize("text", ["a mug with this", ""])
def test_every_candidate_of_every_list_has_a_score(vlm: StarterVLM, count: int, text: str) -> None:
    found = vlm.score(text, vlm.see([_query()])[0], _offer(vlm, _wares(count)))
    assert (len(found.scores), len(found.similarities)) == (count, count)
    assert all(-1 <= value <= 1 for value in found.similarities)


def test_words_alone_and_an_image_alone_are_queries_too(vlm: StarterVLM) -> None:
    for text, query in (("a red mug with a rose", None), ("", _query())):
        assert len(_scores(vlm, text, query, _wares(4))) == 4


def test_the_same_question_gets_the_same_answer(vlm: StarterVLM) -> None:
    first, second = (_scores(vlm, "a cap with this", _query(), _wares(5)) for _ in range(2))
    assert first == second


def test_what_was_asked_for_comes_first(vlm: StarterVLM) -> None:
    rng = random.Random(6)
    shown = [("mug", ROSE), ("phone case", ROSE), ("mug", LEOPARD), ("cap", "1f363")]
    images = [render_product(kind, "white", motif("fluent", code), rng) for kind, code in shown]
    scores = _scores(vlm, "a mug with this", _query(), images)
    assert scores.index(max(scores)) == 2


def test_a_passed_deadline_stops_the_work(vlm: StarterVLM) -> None:
    seen, late = _offer(vlm, _wares(2)), time.monotonic() - 1
    with pytest.raises(TimeoutError):
        vlm.see([_query()], deadline=late)
    with pytest.raises(TimeoutError):
        vlm.features.extract([_query()], deadline=late)
    with pytest.raises(TimeoutError):
        vlm.score("a mug", None, seen, deadline=late)


def test_an_image_looks_the_same_alone_and_among_others(vlm: StarterVLM) -> None:
    together = vlm.see([_query(), *_wares(4)])
    alone = vlm.see([_query()])[0]
    for name in ("tokens", "details", "means"):
        assert torch.allclose(getattr(alone.seen, name).both, getattr(together[0].seen, name).both, atol=1e-4), name


@pytest.mark.parametrize("text", ["a mug with this", None])
def test_vectors_of_a_question_are_those_of_the_embedder(
    embedder: StarterEmbedder, vlm: StarterVLM, text: str | None
) -> None:
    query = _query()
    (sight,) = vlm.see([query])
    vectors = question_vectors(embedder, text, sight)
    asked = [(text, query), (None, query), *([(text, None)] if text else [])]
    expected = torch.from_numpy(embedder.encode([text for text, _ in asked], [image for _, image in asked])[0])
    found = [vectors.composed, vectors.image, *([] if vectors.words is None else [vectors.words])]
    for vector, wanted in zip(found, expected, strict=True):
        assert vector is not None and torch.allclose(vector, wanted, atol=1e-5)
    assert question_vectors(embedder, text, sight).image is vectors.image, "no question makes it again"


@pytest.mark.parametrize("text", ["a mug with this", None])
def test_a_vector_that_the_encoder_made_of_a_query_is_not_made_again(
    fused: FusedEmbedder, vlm: StarterVLM, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    query, offer = _query(), _offer(vlm, _wares(3))
    expected = vlm.score(text or "", vlm.see([query.copy()])[0], offer)
    fused.encode([text, "another text"], [query, _query(ROSE)], ["query", "query"])
    made: list[bool] = []
    compose = StarterEmbedder.compose

    def counting(self: StarterEmbedder, tokens: Views | None, *words: Tensor | None) -> Tensor:
        made.append(tokens is not None)
        return compose(self, tokens, *words)

    monkeypatch.setattr(StarterEmbedder, "compose", counting)
    found = vlm.score(text or "", vlm.see([query])[0], offer)
    assert made == ([] if text is None else [True, False]), "the image alone and the words"
    assert found.scores == pytest.approx(expected.scores, abs=1e-4)


def test_what_it_cannot_rank_is_refused(vlm: StarterVLM) -> None:
    features = vlm.features.extract(_wares(2))
    for wares in ([], features * 5):
        with pytest.raises(ValueError, match="1 to 9"):
            vlm.score("mug", None, vlm.features.read(wares))
    seen = vlm.features.read(features)
    with pytest.raises(ValueError, match="not features"):
        vlm.features.read([features[0], features[1][:-1]])
    with pytest.raises(ValueError, match="a text, an image or both"):
        vlm.score(" ", None, seen)


@pytest.mark.parametrize(("length", "count"), [(12, 1), (108, 9)])
@torch.inference_mode()
def test_labels_are_scored_as_the_whole_decoder_scores_them(embedder: StarterEmbedder, length: int, count: int) -> None:
    decoder = Decoder(Vocabulary(embedder.tokenizer), embedder.passes.words.weight).eval()
    prompt, ends = example(length, count)
    hidden = decoder(prompt[None])
    expected = decoder.pointers(hidden[:, -1:], hidden[:, ends])[0, 0]
    scorer = label_scorer(decoder, "auto")
    assert isinstance(scorer, CompiledPass)
    for found in (LabelScorer(decoder)(prompt, ends), scorer(prompt, ends)):
        assert torch.allclose(found, expected, atol=1e-5)
