"""Failures that were published about services of this kind, and the tests that keep ours from each of them.

 1. Redirects to inner addresses, odd spellings of them, hosts with a backslash: here, and
    unit/service/images/fetch/test_fetch.py::test_nothing_else_is_reached_directly_or_by_redirect
    unit/service/images/fetch/test_fetch.py::test_addresses_that_are_not_public_are_refused_by_the_real_policy
 2. Bodies that never end, or drip:
    unit/service/images/fetch/test_fetch.py::test_answers_that_are_no_image_or_too_much
    unit/service/images/fetch/test_fetch_deadline.py::test_a_slow_answer_is_cut_at_the_deadline
    integration/test_http_search.py::test_a_body_of_unknown_length_is_cut_at_the_limit
 3. Files of the server's own, asked for by path or URL: here
 4. Small files that unpack to huge images, and images of one pixel:
    unit/service/images/test_decode.py::test_a_small_file_with_huge_dimensions_is_refused_from_its_header
    unit/service/images/test_decode.py::test_too_small
 5. Formats with dangerous decoders, named .jpg: here, and
    unit/service/images/test_decode.py::test_dangerous_formats_never_reach_a_decoder
 6. A decoder's own words in the answer: here, and
    unit/service/images/test_decode.py::test_texts_hold_nothing_of_the_decoder
 7. Orientation and transparency that models and people see differently: here, and
    unit/service/images/test_normalize.py::test_every_orientation_comes_out_upright
    unit/service/images/test_normalize.py::test_trns_becomes_white
 8. Cache keys that forget an image's shape:
    unit/service/images/test_decode.py::test_same_pixels_in_another_shape_have_another_key
    unit/rerank/test_caption_cache.py::test_image_prompt_and_engine_make_the_key
 9. Titles that hold chat tokens, labels and orders:
    unit/rerank/test_injection.py::test_no_title_changes_the_shape_of_a_prompt
    unit/rerank/test_injection.py::test_any_titles_give_a_permutation
    unit/rerank/test_injection.py::test_painted_orders_and_hostile_titles_leave_the_starter_a_permutation
10. Every malformed answer on record, errors, silence and 1 MB of text from the model: here, and
    unit/rerank/test_parser.py::test_answers_on_record
    integration/test_rerank_faults.py::test_the_retrieval_order_stands_in_and_says_why
    integration/test_rerank_faults.py::test_an_engine_that_ignores_its_deadline_is_left_behind
11. A full queue, and clients that go away:
    integration/test_http_search.py::test_beyond_the_queue_there_is_429_and_the_service_stays_alive
    integration/test_clients_gone.py::test_a_place_in_the_waiting_room_is_free_at_once
    integration/test_clients_gone.py::test_a_slot_is_free_when_the_work_of_a_client_that_left_has_ended
12. A route that forgot to ask for the key:
    contract/test_auth.py::test_every_route_declares_who_may_call_it_and_only_probes_and_page_are_open
    contract/test_auth.py::test_every_other_route_is_401_without_a_key_and_with_a_wrong_one
13. An error in another shape:
    contract/test_errors.py::test_every_route_refuses_a_wrong_method_in_the_same_shape
    contract/test_errors.py::test_every_error_has_this_shape_on_the_wire
    contract/test_fuzz.py::test_made_up_requests_get_described_answers
14. A setting that nobody wrote down:
    contract/test_reference.py::test_the_reference_is_written_from_the_code_as_it_is
15. Requests lost when the service is told to stop:
    integration/test_operation.py::test_told_to_stop_it_is_not_ready_at_once_and_answers_what_is_in_flight
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient
from PIL import ExifTags, Image, ImageOps

from rerank.labels import LABELS
from rerank.prompts import PromptLibrary
from rerank.strategies.listwise import ListwiseStrategy
from service.errors import UrlRefused
from service.images.fetch.fetch import Fetcher, FetchPolicy
from service.images.fetch.special_addresses import Address, is_public
from tests.conftest import open_client
from tests.fakes import Shop, make_shop
from tests.unit.rerank.fakes import FakeEngine, says
from tests.unit.rerank.test_parser import AGREED, MALFORMED
from tests.unit.service.images.fetch.test_fetch import HOST, Web, redirect, web
from tests.unit.service.images.sample_images import encoded, two_tone

__all__ = ["web"]

Client = TestClient[Any]
TESTS = Path(__file__).parents[1]
PROMPTS = PromptLibrary.load()


def test_what_is_named_above_is_there() -> None:
    assert __doc__ is not None
    named = re.findall(r"^    ([a-z_/]+\.py)::(\w+)$", __doc__, re.MULTILINE)
    assert len(named) >= 25
    assert [name for file, name in named if f"\ndef {name}(" not in (TESTS / file).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("inner", ["169.254.169.254", "::ffff:127.0.0.1", "10.0.0.1"])
def test_an_allowed_name_that_leads_inside_is_refused_at_the_second_hop(web: Web, inner: str) -> None:
    web.names["other.example"] = [inner]
    web.answers["/a.png"] = redirect(f"http://other.example:{web.port}/b.png")

    def first_hop_only(address: Address) -> bool:
        return web.looked_up == [HOST] or is_public(address)

    hosts = frozenset({f"{HOST}:{web.port}", f"other.example:{web.port}"})
    policy = FetchPolicy(hosts, 100_000, 5.0, resolver=web.resolve, allows=first_hop_only)
    with pytest.raises(UrlRefused):
        Fetcher(policy).fetch(f"http://{HOST}:{web.port}/a.png")
    assert web.looked_up == [HOST, "other.example"]
    assert [path for path, _ in web.asked] == ["/a.png"]


OPENED: list[str] = []


def _remember_opened(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        OPENED.append(str(arguments[0]))


sys.addaudithook(_remember_opened)
FILES = [
    "file:///etc/passwd",
    "/etc/passwd",
    "../../../etc/passwd",
    "ftp://localhost/etc/passwd",
    "file://localhost/etc/passwd",
]


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Client]:
    """A service that fetches images from hosts by any of these names, if it ever gets to names."""
    with open_client(make_shop(tmp_path, url_image_hosts=["localhost", "etc"])) as client:
        yield client


@pytest.mark.parametrize("path", FILES)
def test_no_file_of_the_server_is_opened_wherever_an_image_may_be_named(fetching: Client, path: str) -> None:
    OPENED.clear()
    images: list[Any] = [{"type": "image_url", "image_url": {"url": path}}]
    answers = [
        *(fetching.post("/v1/search", json={"image": {name: path}}) for name in ("url", "data", "product_id")),
        *(
            fetching.put("/v1/products", json={"id": "p", "title": "t", "images": [{name: path}]})
            for name in ("url", "data")
        ),
        fetching.post("/v1/rerank", json={"query": {"content": images}, "documents": ["a"]}),
        fetching.post("/v1/embeddings", json={"input": [{"content": images}]}),
        fetching.get(f"/v1/images/{path}"),
    ]
    assert [answer.status_code for answer in answers if not 400 <= answer.status_code < 500] == []
    assert [file for file in OPENED if file.endswith("passwd")] == []


@pytest.mark.parametrize(
    "data", [b"%!PS-Adobe-3.0 EPSF", b"8BPS\0\1", b"II*\0", b"MM\0*", b"SIMPLE  =                    T"]
)
def test_a_name_and_a_header_make_no_jpeg(client: Client, data: bytes) -> None:
    answer = client.post("/v1/search", files={"image": ("a.jpg", data + bytes(1000), "image/jpeg")})
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:withthis:problem:unsupported-image")


def test_a_corrupt_jpeg_is_answered_in_our_own_words(client: Client) -> None:
    whole = encoded(two_tone((200, 100)), "JPEG")
    for data in (
        whole[:400],
        whole[:20] + bytes(40) + whole[60:],
        whole[: len(whole) // 2],
        b"\xff\xd8\xff" + bytes(99),
    ):
        answer = client.post("/v1/search", files={"image": ("a.jpg", data, "image/jpeg")})
        assert answer.status_code == 422
        assert not re.search(r"0x|BytesIO|PIL|Error|Exception|Traceback|/usr|/home|\.py", answer.text), answer.text


def embedded(shop: Shop, client: Client, data: bytes) -> bytes:
    """What the service's encoder makes of an image that is sent."""
    answer = client.post("/v1/search", files={"image": ("a.png", data, "image/png")})
    assert answer.status_code == 200
    return shop.encoder.encode(shop.encoder.seen[-1:]).vectors.tobytes()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_image_is_embedded_as_people_see_it(shop: Shop, client: Client, orientation: int) -> None:
    image, exif = two_tone(), Image.Exif()
    image.paste((0, 200, 0), (0, 0, 30, 15))  # no symmetry left
    exif[ExifTags.Base.Orientation] = orientation
    turned = encoded(image, exif=exif)
    with Image.open(io.BytesIO(turned)) as raw:
        upright = encoded(ImageOps.exif_transpose(raw).convert("RGB"))
    assert embedded(shop, client, turned) == embedded(shop, client, upright) != embedded(shop, client, encoded(image))


def test_a_transparent_image_is_embedded_as_people_see_it(shop: Shop, client: Client) -> None:
    hidden = two_tone()
    red = hidden.getpixel((5, 5))
    pixels = np.asarray(hidden)
    flat = Image.fromarray(np.where((pixels == red).all(axis=2, keepdims=True), np.uint8(255), pixels))
    shown = embedded(shop, client, encoded(hidden, transparency=red))
    assert shown == embedded(shop, client, encoded(flat)) != embedded(shop, client, encoded(hidden))


def test_every_answer_on_record_is_a_complete_list_with_its_fault(tmp_path: Path) -> None:
    engine = FakeEngine()
    with open_client(make_shop(tmp_path, strategy=ListwiseStrategy(engine, PROMPTS))) as client:
        for text, order, fault in [*AGREED, *MALFORMED, ("[C, A] " * 150_000, "CABDE", "truncated")]:
            engine.answer = says(text)
            answer = client.post("/v1/search", json={"text": "a mug", "limit": 5, "rerank": {"candidates": 5}})
            assert answer.status_code == 200
            found, rerank = answer.json()["results"], answer.json()["rerank"]
            assert rerank["fault"] == fault, text[:80]
            assert "".join(LABELS[result["retrieval_rank"] - 1] for result in found) == order, text[:80]
            assert len({result["product"]["id"] for result in found}) == 5
