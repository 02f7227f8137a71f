"""An image of a search is looked at once, by encoder and reranker together, and forgotten with it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from service.build import ingest_feed
from service.build.image_features import load_shared_extractor, stored_form
from service.encoders.batching import BatchingEncoder
from service.settings import load_settings
from service.stores.exact.exact_store import ExactStore
from starter.backbone import Backbone
from starter.embedder import StarterEmbedder
from starter.encoder_adapter import StarterEncoder
from starter.engine_entry import load_starter_extractor
from starter.fused import FusedEmbedder
from starter.looks import Looks
from starter.views import Views, look
from starter.vlm import StarterVLM
from tests.fakes import FakeEncoder
from tests.unit.starter.test_encoder_adapter import StandIn
from tests.unit.starter.test_vlm import _query, _wares


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of images in each pass of the backbone."""
    passes: list[int] = []

    def counting(backbone: Backbone, images: Sequence[Image.Image]) -> Views:
        passes.append(len(images))
        return look(backbone, images)

    monkeypatch.setattr("starter.looks.look", counting)
    return passes


def test_the_reranker_does_not_look_again_at_an_image_that_was_encoded_as_a_query(
    fused: FusedEmbedder, vlm: StarterVLM, looked_at: list[int]
) -> None:
    query, ware = _query(), _wares(1)[0]
    fused.encode(["a mug with this"], [query], ["query"])
    seen = vlm.see([query, ware])
    assert looked_at == [1, 1], "the second pass is of the candidate"
    fresh = vlm.see([query.copy()])[0].seen
    assert looked_at == [1, 1, 1], "a copy is another image"
    assert torch.allclose(seen[0].seen.details.both, fresh.details.both, atol=1e-5)


def test_what_is_indexed_is_looked_at_once_for_its_vector_and_its_features(
    fused: FusedEmbedder, vlm: StarterVLM, looked_at: list[int]
) -> None:
    wares = _wares(3)
    before, _ = fused.encode([None] * 3, [ware.copy() for ware in wares], ["document"] * 3)
    loaded = load_starter_extractor(load_settings().engine.options(), StarterEncoder(fused))
    assert loaded is not None
    form, extract = loaded
    made = extract(wares)
    vectors, _ = fused.encode([None] * 3, wares, ["document"] * 3)
    assert looked_at == [3, 3]
    assert form == vlm.features.form == stored_form(load_settings())
    assert np.allclose(vectors, before, atol=1e-5) and made == vlm.features.extract([ware.copy() for ware in wares])


def test_a_service_that_indexes_stores_features_though_its_encoder_works_in_batches(
    fused: FusedEmbedder, looked_at: list[int], tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()
    for number, ware in enumerate(_wares(3)):
        ware.save(tmp_path / "shop" / f"{number}.png")
    settings = load_settings(data_dir=tmp_path, store_uri="exact:", ingest_workers=0)
    with closing(BatchingEncoder(StarterEncoder(fused))) as encoder:
        ingest_feed(tmp_path / "shop", settings, encoder, ExactStore())
    assert sum(looked_at) == 3
    assert len(list(tmp_path.glob("images/features-*/*/*.bin"))) == 3


def test_an_encoder_that_does_not_look_as_the_engine_does_shares_nothing() -> None:
    settings = load_settings()
    for encoder in (FakeEncoder(), StarterEncoder(StandIn())):
        assert load_shared_extractor(settings, encoder) is None
    assert stored_form(load_settings(engine_store_features=False)) is None
    assert stored_form(load_settings(engine="openai-compatible")) is None


def test_what_is_indexed_is_not_kept(fused: FusedEmbedder, looked_at: list[int]) -> None:
    document = _query()
    for _ in range(2):
        fused.encode([None], [document], ["document"])
    assert looked_at == [1, 1]


def test_a_look_is_forgotten_with_its_image(embedder: StarterEmbedder) -> None:
    looks, image = Looks(embedder.passes.cells, embedder.read), _query()
    looks.at([image], keep=True)
    assert len(looks) == 1
    del image
    assert len(looks) == 0
