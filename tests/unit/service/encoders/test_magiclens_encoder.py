"""Bad input, truncation, batches, threads and files, on the tiny checkpoint."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import CLIPTokenizer

from benchmarks.random_magiclens import write_tokenizer
from rerank.query import Query
from service.encoders.magiclens import files
from service.encoders.magiclens.files import TOKENIZER_REPO, find_tokenizer, find_weights
from service.encoders.magiclens.magiclens_encoder import MagicLensEncoder
from service.encoders.magiclens.preprocessing import to_pixels
from service.encoders.magiclens.sizes import BASE
from service.encoders.text_cleaning import clean
from service.encoders.tokens import Tokenizer
from service.errors import ConfigurationError, EncoderUnavailable, InvalidValue
from tests.parity.magiclens.golden_data import GOLDEN, WEIGHTS


@pytest.fixture(scope="module")
def encoder() -> MagicLensEncoder:
    return MagicLensEncoder.load(WEIGHTS, device="cpu", batch=4)


def photo(color: str = "orange", size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.new("RGB", size, color)


def test_info(encoder: MagicLensEncoder) -> None:
    info = encoder.info
    assert (info.id, info.dimension, info.max_text_tokens) == ("magiclens", 24, 77)
    assert info.modalities == {"image", "composed"} and not info.weighs_parts


def test_a_text_without_an_image_is_the_callers_mistake(encoder: MagicLensEncoder) -> None:
    with pytest.raises(InvalidValue, match="Give an image"):
        encoder.encode([Query("a mug", photo()), Query("a mug")])
    assert encoder.encode([]).vectors.shape == (0, 24)


@pytest.mark.parametrize("blank", [None, "", " \n\t", "&nbsp;"])
def test_a_blank_text_is_the_empty_text(encoder: MagicLensEncoder, blank: str | None) -> None:
    found = encoder.encode([Query(blank, photo()), Query(image=photo(), role="document")])
    assert np.abs(found.vectors[0] - found.vectors[1]).max() < 1e-6 and not found.truncated.any()


def test_a_text_is_cut_at_77_tokens_and_says_so(encoder: MagicLensEncoder) -> None:
    texts = ["a " * count for count in (75, 76, 10_000)]
    found = encoder.encode([Query(text, photo()) for text in texts])
    assert found.truncated.tolist() == [False, True, True]
    assert np.abs(found.vectors - found.vectors[0]).max() < 1e-6


@pytest.mark.parametrize("text", ["\x00\x07\x1b", "\ud83d", "👩‍👩‍👧 ﷽", "<|endoftext|> a", "!!!?", "&amp;" * 300])
def test_odd_texts_have_an_embedding(text: str, encoder: MagicLensEncoder) -> None:
    found = encoder.encode([Query(text, photo())])
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_texts_are_cleaned_as_clip_cleans_them() -> None:
    assert clean("  Same\n chair &amp;amp; a “WOODEN” one ") == 'same chair & a "wooden" one'
    assert clean("cafÃ©") == "café"


@pytest.mark.parametrize(("mode", "size"), [("L", (9, 9)), ("RGBA", (3, 3000)), ("P", (1, 1)), ("I;16", (20, 4))])
def test_any_image_has_pixels(mode: str, size: tuple[int, int]) -> None:
    for fit in ("crop", "pad"):
        pixels = to_pixels([Image.new(mode, size)], fit, 48)
        assert pixels.shape == (1, 3, 48, 48) and pixels.dtype == np.float32 and np.isfinite(pixels).all()


def test_padding_keeps_the_shape_and_fills_with_white() -> None:
    stretched, padded = (to_pixels([photo("black", (96, 24))], fit, 48)[0, 0] for fit in ("crop", "pad"))
    assert np.ptp(stretched) == 0
    assert (padded[18:30] == stretched[0, 0]).all()
    white = np.delete(padded, range(18, 30), axis=0)
    assert np.ptp(white) == 0 and white[0, 0] > 1.9


def test_threads_get_their_own_vectors(encoder: MagicLensEncoder) -> None:
    queries = [[Query("a " * n, photo(color))] for n in range(1, 5) for color in ("green", "black")]
    alone = [encoder.encode(call).vectors for call in queries]
    with ThreadPoolExecutor(8) as pool:
        together = [result.vectors for result in pool.map(encoder.encode, queries)]
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(alone, together, strict=True))


def test_no_gradients_and_no_training_mode(encoder: MagicLensEncoder) -> None:
    assert not encoder._model.training
    assert not any(parameter.requires_grad for parameter in encoder._model.parameters())
    assert not any(buffer.is_meta for buffer in encoder._model.buffers())


def test_where_weights_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"WITHTHIS_ENCODER_PATH is not set.*gsutil cp gs://gresearch"):
        find_weights(None)
    with pytest.raises(EncoderUnavailable, match=r"no weights of MagicLens in .*gone"):
        find_weights(tmp_path / "gone")
    with pytest.raises(EncoderUnavailable, match="no weights of MagicLens"):
        find_weights(tmp_path)
    (tmp_path / "magic_lens_clip_large.pkl").touch()
    assert find_weights(str(tmp_path)) == tmp_path / "magic_lens_clip_large.pkl"
    (tmp_path / "model.safetensors").touch()
    assert find_weights(tmp_path) == tmp_path / "model.safetensors"


def test_where_the_tokenizer_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def unreachable(source: object, *_: object) -> Path:
        asked.append(source)
        raise EncoderUnavailable("no network")

    assert find_tokenizer(None, WEIGHTS) == GOLDEN
    with pytest.raises(EncoderUnavailable, match=r"has no tokenizer of CLIP.*hf download openai/clip"):
        find_tokenizer(tmp_path, WEIGHTS)
    monkeypatch.setattr(files, "find", unreachable)
    with pytest.raises(EncoderUnavailable, match=r"not on this machine.*WITHTHIS_ENCODER_TEXT_MODEL"):
        find_tokenizer(None, tmp_path / "weights.pkl")
    assert asked == [TOKENIZER_REPO]


def test_the_tokenizer_of_random_checkpoints_fits(tmp_path: Path) -> None:
    write_tokenizer(BASE, tmp_path)
    ids = Tokenizer(tmp_path, BASE.vocabulary, kind=CLIPTokenizer)(["a blue mug, 12!"], [77])[0].ids
    assert (ids[0], ids[-1]) == (49406, 49407) and len(ids) > 10


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="crop, pad"):
        MagicLensEncoder.load(WEIGHTS, device="cpu", fit="squash")  # type: ignore[arg-type]
