"""The images of a query over HTTP: a region of one, several of them, and one that results should not be like."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx import Response
from litestar.testing import TestClient
from PIL import Image

from service.client import Client as ShopClient
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import Shop, make_shop, png
from tests.integration.live import live
from tests.integration.test_http_retrieval import ask, ids, pages
from tests.integration.test_http_search import data_uri, search

Client = TestClient[Any]
LEFT = {"x": 0.0, "y": 0.0, "width": 0.5, "height": 1.0}
DENSE = {"hybrid": {"enabled": False}, "rerank": {"enabled": False}, "text": None, "limit": 100}


def two_tone() -> bytes:
    """Orange on the left, blue on the right."""
    image = Image.open(io.BytesIO(png("orange", (24, 16)))).convert("RGB")
    image.paste((0, 0, 255), (12, 0, 24, 16))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def refused(response: Response, type: str, status: int) -> None:
    assert_problem(response)
    assert response.status_code == status and response.json()["type"].endswith(f":{type}"), response.text


def pointers(response: Response) -> set[str]:
    return {one["pointer"] for one in response.json()["errors"]}


def test_a_region_is_searched_for_as_if_it_had_been_cut_out(client: Client, shop: Shop) -> None:
    cut = ask(client, **DENSE, image={"data": data_uri(png("orange", (12, 16)))})
    inline = ask(client, **DENSE, image={"data": data_uri(two_tone()), "crop": LEFT})
    query = {**DENSE, "image": {"crop": LEFT}}
    form = client.post(
        "/v1/search", files={"image": ("q.png", two_tone(), "image/png")}, data={"query": json.dumps(query)}
    )
    assert form.status_code == 200, form.text
    assert cut["results"] == inline["results"] == form.json()["results"]
    whole = ask(client, **DENSE, image={"data": data_uri(two_tone())})
    assert ids(whole) != ids(inline)


def test_a_region_of_a_products_image_leaves_the_product_out(client: Client) -> None:
    answer = ask(client, **DENSE, image={"product_id": "p3", "crop": LEFT})
    assert len(answer["results"]) == 19 and "p3" not in ids(answer)
    assert answer["results"] != ask(client, **DENSE, image={"product_id": "p3"})["results"]


def test_the_region_is_what_is_captioned_and_ranked(client: Client, shop: Shop) -> None:
    search(client, text="a mug with this", image={"data": data_uri(two_tone()), "crop": LEFT})
    search(client, text="a mug with this", image={"data": data_uri(two_tone())})
    (cropped, _, _), (whole, _, _) = shop.strategy.calls
    assert cropped.image is not None and cropped.image.size == (12, 16)
    assert cropped.image_hash != whole.image_hash and whole.image is not None and whole.image.size == (24, 16)


@pytest.mark.parametrize(
    ("image", "type", "pointer"),
    [
        ({"crop": LEFT}, "invalid-value", "/image"),
        ({"data": "x", "crop": {**LEFT, "x": 0.6}}, "invalid-value", "/image/crop"),
        ({"data": "x", "crop": {**LEFT, "y": -0.1}}, "invalid-value", "/image/crop/y"),
        ({"data": "x", "crop": {**LEFT, "width": 0}}, "invalid-value", "/image/crop/width"),
        ({"data": "x", "crop": {"x": 0.1}}, "invalid-value", "/image/crop/y"),
        ({"data": data_uri(png()), "crop": {**LEFT, "width": 0.05}}, "crop-too-small", "/image"),
        ({"product_id": "p3", "crop": {**LEFT, "width": 0.05}}, "crop-too-small", "/image"),
    ],
)
def test_a_region_that_cannot_be_used_is_refused(client: Client, image: object, type: str, pointer: str) -> None:
    response = search(client, image=image)
    refused(response, type, 400)
    assert pointer in pointers(response)


def test_several_images_are_found_by_their_weighted_mean(client: Client, shop: Shop) -> None:
    colors = ["orange", "teal", "navy"]
    images = [{"data": data_uri(png(color)), "weight": weight} for color, weight in zip(colors, (1, 2, 5), strict=True)]
    answer = ask(client, **DENSE, images=images)
    assert answer["query"]["images"] == 3
    vectors = shop.encoder.encode(shop.encoder.seen[-3:]).vectors
    mean = np.average(vectors, axis=0, weights=[1, 2, 5])
    scores = {row.product.id: float(row.vector @ mean / np.linalg.norm(mean)) for row in shop.store.rows.values()}
    assert ids(answer) == sorted(scores, key=lambda id: -scores[id])
    for order in itertools.permutations(images):
        assert ids(ask(client, **DENSE, images=order)) == ids(answer)


def test_the_text_is_composed_with_each_image_and_the_first_is_ranked(client: Client, shop: Shop) -> None:
    images = [{"data": data_uri(png("teal"))}, {"product_id": "p3"}, {"data": data_uri(two_tone()), "crop": LEFT}]
    answer = search(client, text="a mug with this", images=images, limit=100).json()
    embedded = shop.encoder.seen[-3:]
    assert [query.text for query in embedded] == ["a mug with this"] * 3
    assert len({query.image_hash for query in embedded}) == 3
    assert shop.strategy.calls[-1][0].image_hash == embedded[0].image_hash
    assert len(answer["results"]) == 19 and "p3" not in ids(answer)


def test_an_image_that_is_not_wanted_moves_the_query_away(client: Client, shop: Shop) -> None:
    plain = ask(client, **{**DENSE, "text": "a mug"})
    unlike = ask(client, **{**DENSE, "text": "a mug"}, negative_image={"product_id": "p3"}, negative_weight=0.9)
    text, image = shop.encoder.encode(shop.encoder.seen[-2:]).vectors
    expected = {row.product.id: float(row.vector @ (text - 0.9 * image)) for row in shop.store.rows.values()}
    assert ids(unlike) == sorted(expected.keys() - {"p3"}, key=lambda id: -expected[id])
    assert ids(plain) != ids(unlike) and shop.strategy.calls == []
    both = ask(client, **{**DENSE, "text": "a mug"}, negative_image={"product_id": "p3"}, negative_text="red")
    assert ids(both) != ids(unlike)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"images": [{"product_id": "p1"}], "image": {"product_id": "p2"}}, None),
        ({"images": [{"product_id": "p1"}] * 6}, "/images"),
        ({"images": [{"product_id": "p1"}, {}]}, "/images/1"),
        ({"images": [{"product_id": "p1"}, {"product_id": "p1", "weight": 0}]}, "/images/1/weight"),
        ({"images": [{"product_id": "p1"}, {"product_id": "p1", "crop": {**LEFT, "x": 0.7}}]}, "/images/1/crop"),
        ({"text": "a", "negative_image": {}}, "/negative_image"),
        ({"image": {"product_id": "p1", "weight": 2}}, "/image/weight"),
    ],
)
def test_images_that_cannot_be_used_together_are_refused(client: Client, body: object, pointer: str | None) -> None:
    response = search(client, **body)  # type: ignore[arg-type]
    assert response.status_code == 400, response.text
    assert pointer is None or pointer in pointers(response)


def test_one_of_several_images_that_is_broken_is_named(client: Client) -> None:
    images = [{"data": data_uri(png())}, {"data": data_uri(b"no image")}]
    second = search(client, images=images)
    refused(second, "not-an-image", 422)
    unwanted = search(client, text="a", negative_image={"data": data_uri(b"no image")})
    assert (pointers(second), pointers(unwanted)) == ({"/images/1"}, {"/negative_image"})


def test_an_upload_is_the_only_image(client: Client) -> None:
    query = json.dumps({"images": [{"product_id": "p1"}]})
    both = client.post("/v1/search", files={"image": ("q.png", png(), "image/png")}, data={"query": query})
    refused(both, "invalid-input", 400)


def test_pages_belong_to_the_images_their_regions_and_weights(client: Client) -> None:
    body = {**DENSE, "limit": 4}
    plain = {name: value for name, value in DENSE.items() if name != "limit"}
    images: list[dict[str, Any]] = [
        {"data": data_uri(png())},
        {"data": data_uri(two_tone()), "crop": LEFT, "weight": 2.0},
    ]
    unwanted = {"product_id": "p1"}
    first, *rest = pages(client, 4, **plain, images=images, negative_image=unwanted)
    shown = [id for page in (first, *rest) for id in ids(page)]
    assert len(shown) == len(set(shown)) == 19
    others: list[dict[str, Any]] = [
        {"images": images[:1], "negative_image": unwanted},
        {"images": images[::-1], "negative_image": unwanted},
        {"images": [images[0], {**images[1], "weight": 3.0}], "negative_image": unwanted},
        {"images": [images[0], {**images[1], "crop": {**LEFT, "height": 0.5}}], "negative_image": unwanted},
        {"images": images, "negative_image": {"product_id": "p1", "crop": LEFT}},
        {"images": images},
    ]
    for other in others:
        assert search(client, **{**body, **other, "cursor": first["next_cursor"]}).status_code == 400


def test_what_is_logged_of_images_are_their_hashes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with open_client(make_shop(tmp_path / "shop", search_log=log)) as client:
        ask(
            client,
            images=[{"product_id": "p1"}, {"data": data_uri(png()), "weight": 2.0}],
            negative_image={"data": data_uri(png("teal"))},
        )
    (line,) = [json.loads(line) for file in log.iterdir() for line in file.read_text().splitlines()]
    first, second = line["query"]["images"]
    assert first["product"] == "p1" == line["query"]["product"] and first["image"] == line["query"]["image"]
    assert (second["product"], second["weight"], len(second["image"])) == (None, 2.0, 64)
    assert (
        line["query"]["negative"].keys() == {"text", "weight", "image"}
        and len(line["query"]["negative"]["image"]) == 64
    )


def test_the_client_sends_regions_and_several_images(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "street.png"
    file.write_bytes(two_tone())
    with live(shop) as url, ShopClient(url) as client:
        cut = client.search(image=png("orange", (12, 16)), rerank=False)
        found = client.search(image={"data": file, "crop": LEFT}, rerank=False)
        assert found.results == cut.results
        several = client.search(images=[file, {"product_id": "p1"}], negative_image=png("teal"), rerank=False)
        assert several.query.images == 2 and "p1" not in {one.product.id for one in several.results}
