"""Bad input, truncation, batches and threads, on the tiny checkpoints."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from rerank.query import Query
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from tests.parity.visualized_bge.golden_data import BASE, BOTH, Golden, name_of

LIMITS = {"base": (512, 316), "m3": (608, 354)}
HOSTILE = [
    "\x00\x01\x02",
    "\ud800 lone",
    "\u202ereversed",
    "a\tb\r\nc",
    "[SEP] [CLS] [PAD] </s> <pad> <s>",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 40,
    "é" * 3000,
    "%s %d {}",
]


@pytest.fixture(scope="module", params=BOTH, ids=name_of)
def golden(request: pytest.FixtureRequest) -> Golden:
    chosen: Golden = request.param
    return chosen


@pytest.fixture(scope="module")
def encoder(golden: Golden) -> VisualizedBgeEncoder:
    return VisualizedBgeEncoder.load(golden.encoder, golden.weights, device="cpu", batch=4)


def sample_image(colour: str = "orange", size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_info(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    info = encoder.info
    assert (info.id, info.dimension, info.max_text_tokens) == (golden.encoder, 64, LIMITS[name_of(golden)][0])
    assert info.modalities == {"text", "image", "composed"}


def test_an_empty_batch(encoder: VisualizedBgeEncoder) -> None:
    result = encoder.encode([])
    assert result.vectors.shape == (0, 64) and result.truncated.shape == (0,)


def test_ten_thousand_words_are_cut_to_what_fits_and_flagged(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    alone, beside = LIMITS[name_of(golden)]
    words = [Query("red " * 10_000), Query("red " * 10_000, sample_image()), Query("red")]
    result = encoder.encode(words)
    assert result.truncated.tolist() == [True, True, False]
    kept = encoder._tokenizer(["red " * 10_000] * 2, [alone, beside])
    assert [len(tokens.ids) for tokens in kept] == [alone, beside]
    whole = encoder._tokenizer(["red"], [9])[0].ids
    assert all((tokens.ids[0], tokens.ids[-1]) == (whole[0], whole[-1]) for tokens in kept)
    assert np.allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-5)


def test_the_longest_text_that_fits_is_not_cut(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    word = len(encoder._tokenizer(["red"], [9])[0].ids) - 2
    for limit, image in zip(LIMITS[name_of(golden)], (None, sample_image()), strict=True):
        fits = (limit - 2) // word
        queries = [Query("red " * count, image) for count in (fits, fits + 1)]
        assert encoder.encode(queries).truncated.tolist() == [False, True]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_give_vectors(encoder: VisualizedBgeEncoder, text: str) -> None:
    result = encoder.encode([Query(text), Query(text, sample_image())])
    assert np.allclose(np.linalg.norm(result.vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("blank", [None, "", " \n\t"])
def test_a_blank_text_beside_an_image_is_no_text(encoder: VisualizedBgeEncoder, blank: str | None) -> None:
    both = encoder.encode([Query(blank, sample_image()), Query(None, sample_image())])
    assert np.array_equal(both.vectors[0], both.vectors[1]) and not both.truncated.any()


def test_long_texts_go_in_smaller_batches(encoder: VisualizedBgeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def spy(rows: list[list[int]], images: list[Image.Image]) -> npt.NDArray[np.float32]:
        assert len(images) in (0, len(rows))
        seen.append((len(rows), len(images)))
        return np.zeros((len(rows), 64), np.float32)

    monkeypatch.setattr(encoder, "_embed", spy)
    monkeypatch.setattr("service.encoders.visualized_bge.encoder._TOKENS_A_ROW", 100)
    texts = [Query("red " * 400)] * 3 + [Query("red")] * 5
    encoder.encode([*texts, *[Query(None, sample_image())] * 6])
    assert seen == [(1, 0), (1, 0), (1, 0), (4, 0), (1, 0), (4, 4), (2, 2)]


def test_threads_get_their_own_vectors(encoder: VisualizedBgeEncoder) -> None:
    kinds = [None, "green", "black", "white"]
    queries = [
        [Query(f"mug {n}", sample_image(kind) if kind else None), Query("blue " * n)]
        for n in range(1, 4)
        for kind in kinds
    ]
    alone = [encoder.encode(call).vectors for call in queries]
    with ThreadPoolExecutor(8) as pool:
        together = [result.vectors for result in pool.map(encoder.encode, queries)]
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(alone, together, strict=True))


def test_no_gradients_and_no_training_mode(encoder: VisualizedBgeEncoder) -> None:
    assert not encoder._model.training
    assert not any(parameter.requires_grad for parameter in encoder._model.parameters())


def test_half_precision_keeps_the_rotary_tables_whole() -> None:
    encoder = VisualizedBgeEncoder.load(BASE.encoder, BASE.weights, device="cpu", dtype="bfloat16")
    state = encoder._model.state_dict()
    assert state["model_visual.visual.rope.freqs_cos"].dtype == torch.float32
    assert {tensor.dtype for name, tensor in state.items() if ".rope." not in name} == {torch.bfloat16}
    assert encoder.encode([Query("a mug")]).vectors.dtype == np.float32


def test_pad_sees_what_crop_cuts_off() -> None:
    crop, pad = (
        VisualizedBgeEncoder.load(BASE.encoder, BASE.weights, device="cpu", fit=fit) for fit in ("crop", "pad")
    )
    plain = sample_image("white", (400, 100))
    ends = plain.copy()
    ends.paste("red", (0, 0, 100, 100))
    queries = [Query(None, plain), Query(None, ends)]
    distances = [np.ptp(encoder.encode(queries).vectors, axis=0).max() for encoder in (crop, pad)]
    assert distances[0] < 1e-6 and distances[1] > 1e-3


def test_an_instruction_goes_before_texts_of_queries(golden: Golden, encoder: VisualizedBgeEncoder) -> None:
    """BGE v1.5's own, for texts without an image; one that comes with a query goes before any text of it."""
    said = "Represent this sentence for searching relevant passages: "
    told = VisualizedBgeEncoder(encoder._model, encoder._tokenizer, encoder.info, query_instruction=said)
    image, document = Query("a mug", sample_image()), Query("a mug", role="document")
    wanted = [Query(f"{said}a mug"), image, document, Query("Find a mug"), Query("Find a mug", sample_image())]
    given = [Query("a mug"), image, document, *(replace(one, instruction="Find ") for one in (Query("a mug"), image))]
    assert np.allclose(told.encode(given).vectors, encoder.encode(wanted).vectors, atol=1e-6)
    assert encoder.info.instructable
