"""The namer says no more than it is sure of, and nothing about people."""

import json
import random
import re

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from starter.artwork import motif
from starter.embedder import weight_file
from starter.namer import Chain, Classes, Named
from starter.rendering import render_motif, render_product
from starter.vlm import StarterVLM

CHAINS: list[Chain] = [("an animal",), ("a cat", "an animal"), ("a dog", "an animal"), ("a rose", "a plant"), ()]
PEOPLE = re.compile(
    r"\b(?:man|men|woman|women|person|people|boy|girl|baby|child|face|hand|foot|leg|ear|nose|eye|skin|hair|body"
    r"|american|french|japanese|chinese|indian|european|african|flag|map)\b"
)


def classes(threshold: float = 0.8, radius: float = 100.0) -> Classes:
    """A cat and a dog that are near each other, a rose far away, and something that is never spoken of."""
    centers = np.array([[-90, 0], [0, 0], [0, 2], [20, 0], [0, -20]], np.float32)
    return Classes(centers, CHAINS, temperature=1.0, threshold=threshold, radius=radius)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ((0.0, -1.0), "a cat"),
        ((0.0, 1.0), "an animal"),
        ((20.0, 0.5), "a rose"),
        ((10.0, 0.5), None),
        ((0.0, -20.0), None),
        ((40.0, 0.0), None),
    ],
    ids=["sure", "sure of the broader name", "another", "between two", "nameless", "far from all"],
)
def test_the_most_exact_name_that_is_sure_is_said(point: tuple[float, float], said: str | None) -> None:
    found = classes()
    (answer,) = found.say(found.distances(np.array([point], np.float32)))
    assert (answer.name if answer else None) == said
    assert answer is None or answer.exact == (said != "an animal")


def test_a_caption_is_made_of_what_is_known() -> None:
    assert Named().caption is None
    assert Named(thing="a cat").caption == "a cat"
    assert Named("a mug").caption == "a mug"
    assert Named("a mug", "a cat").caption == "a mug with a cat"


def _named(vlm: StarterVLM, image: Image.Image) -> Named:
    return vlm.name(vlm.see([image])[0])


def test_the_demos_query_images_are_named_rightly_or_not_at_all(vlm: StarterVLM) -> None:
    true = {
        "1f406": {"a leopard", "an animal"},
        "1f339": {"a rose", "a flower", "a plant"},
        "1f40a": {"a crocodile", "an animal"},
        "1f363": {"sushi", "food"},
        "1f377": {"a glass of wine", "a drink"},
    }
    said = {code: _named(vlm, render_motif(motif("noto", code), random.Random(3), pixels=320)) for code in true}
    assert all(name.caption is None or name.caption in true[code] for code, name in said.items()), said
    assert sum(name.caption is not None for name in said.values()) >= 3, said


def test_a_product_is_named_by_its_kind(vlm: StarterVLM) -> None:
    named = _named(vlm, render_product("mug", "white", motif("fluent", "1f406"), random.Random(6)))
    assert named.kind == "a mug"
    assert named.thing in (None, "a leopard", "an animal")


def test_an_empty_image_has_no_name(vlm: StarterVLM) -> None:
    assert _named(vlm, Image.new("RGB", (320, 320), "white")).caption is None
    noise = np.random.default_rng(1).integers(0, 255, (320, 320, 3), np.uint8)
    assert _named(vlm, Image.fromarray(noise)).caption is None


def test_no_name_is_about_people_nations_or_the_body() -> None:
    with safe_open(weight_file("namer.safetensors", None), framework="numpy") as file:
        about = json.loads(file.metadata()["namer"])
    names = {name for part in ("whole", "printed") for chain in about[part]["chains"] for name in chain}
    assert len(names) > 300
    assert not [name for name in names if PEOPLE.search(name)]
