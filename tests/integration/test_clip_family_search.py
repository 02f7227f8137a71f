"""Index, search and rerank with SigLIP 2 and MagicLens: the answer is complete, and what cannot be asked is a 400."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rerank.model_server.data_uri import data_uri
from service.build import assemble, load_encoder
from service.catalog.document_form import DEFAULT_FORM, IMAGE_ONLY
from service.catalog.documents import Documents
from service.catalog.ingest import ingest
from service.encoders.encoder import IMAGES_ONLY
from service.stores.exact.exact_store import ExactStore
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.integration.remote_encoders import RED, a_feed
from tests.integration.test_sentence_search import check
from tests.parity.magiclens.golden_data import GOLDEN
from tests.unit.service.encoders.tiny_siglip2 import make_naflex, make_siglip2


def golden(folder: Path) -> Path:
    """The published form of MagicLens; the folder is not used."""
    return GOLDEN / "magic_lens_clip_tiny.pkl"


@pytest.mark.parametrize(("name", "make"), [("siglip", make_siglip2), ("siglip", make_naflex), ("magiclens", golden)])
def test_a_shop_is_indexed_searched_and_reranked(
    name: str, make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "weights").mkdir()
    shop = make_shop(tmp_path, encoder=name, encoder_path=make(tmp_path / "weights"), encoder_device="cpu")
    encoder, store = load_encoder(shop.settings), ExactStore()
    assert Documents(encoder).form == (IMAGE_ONLY if name == "magiclens" else DEFAULT_FORM)
    assert ingest(a_feed(tmp_path, 7), encoder, store, shop.images).indexed == 7
    parts = assemble(shop.settings, encoder=encoder, store=store, images=shop.images, rerank=shop.parts.rerank)
    with open_client(replace(shop, parts=parts)) as client:
        image = {"image": {"data": data_uri(RED)}}
        for query in (image, {"text": "with this", **image}):
            check(client.post("/v1/search", json={**query, "limit": 7}).json())
        worded = client.post("/v1/search", json={"text": "title 3", "limit": 7})
        away = client.post("/v1/search", json={**image, "negative_text": "red", "limit": 7})
    if name == "magiclens":
        assert [response.status_code for response in (worded, away)] == [400, 400]
        assert worded.json()["detail"] == IMAGES_ONLY
    else:
        check(worded.json())
        assert away.status_code == 200
