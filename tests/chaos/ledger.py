"""What one writer's products may be after each answer that it got, and whether what is read is one of those.

A product says by itself whether it is whole: its title, price and attributes all name its version, and its images
follow from its id and the version that put them. Every product has one writer, which has one request in progress at a
time. After an acknowledged write one state is possible; a write whose answer was lost may be there or not.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image

from service.images.store.image_store import ImageStore

PREFIX = "chaos-"
IMAGES = 48
MOST_IMAGES = 3

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """A product after some write: the version of its fields, and the version that gave it its images."""

    version: int
    put: int


Possible = frozenset[State | None]
"""None: the product is not there."""


class TornError(Exception):
    """A product that no single write has made."""


@cache
def image(number: int) -> bytes:
    """One of `IMAGES` different PNG files."""
    buffer = io.BytesIO()
    color = (number * 5 % 256, number * 83 % 256, number * 157 % 256)
    Image.new("RGB", (64 + number, 64), color).save(buffer, "PNG")
    return buffer.getvalue()


def images_of(product_id: str, put: int) -> list[bytes]:
    """One to three images, which change with every version that puts images."""
    first = put * 7 + sum(product_id.encode())
    return [image((first + number) % IMAGES) for number in range(1 + put % MOST_IMAGES)]


def fields(product_id: str, state: State) -> dict[str, Any]:
    """The fields of a product, each of which tells the version."""
    return {
        "title": f"{product_id} version {state.version}",
        "price": state.version + 0.5,
        "attributes": {"version": state.version, "put": state.put},
    }


def body(product_id: str, version: int) -> dict[str, Any]:
    """What `PUT` takes."""
    uris = [f"data:image/png;base64,{base64.b64encode(data).decode()}" for data in images_of(product_id, version)]
    images = [{"data": uri} for uri in uris]
    return {"id": product_id, "category": "chaos", **fields(product_id, State(version, version)), "images": images}


def state_of(product: Json) -> State:
    """The state that an answer shows; without `image_urls` (results of searches) only its fields count.

    Raises TornError if no write has made the product.
    """
    try:
        state = State(product["attributes"]["version"], product["attributes"]["put"])
    except KeyError as error:
        raise TornError(str(product)) from error
    if any(product[name] != value for name, value in fields(product["id"], state).items()):
        raise TornError(str(product))
    urls = [f"/v1/images/{ImageStore.key(data)}" for data in images_of(product["id"], state.put)]
    if product.get("image_urls", urls) != urls or product["image_url"] not in urls:
        raise TornError(str(product))
    return state


@dataclass
class Ledger:
    """One writer's products, and what was wrong with them."""

    ids: Sequence[str]
    possible: dict[str, Possible] = field(init=False)
    acknowledged: int = 0
    unclear: int = 0
    lost: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.possible = {id: frozenset([None]) for id in self.ids}

    def wrote(self, product_id: str, state: State | None) -> None:
        """The write was acknowledged."""
        self.acknowledged += 1
        self.possible[product_id] = frozenset([state])

    def may_have_written(self, product_id: str, states: Possible) -> None:
        """Nobody knows whether the write was done."""
        self.unclear += 1
        self.possible[product_id] |= states

    def reads(self, product_id: str, product: Json | None) -> None:
        """Compare what is there with what may be there; None for a 404."""
        try:
            found = None if product is None else state_of(product)
        except TornError as error:
            self.torn.append(str(error))
            return
        if found not in self.possible[product_id]:
            self.lost.append(f"{product_id} is {found}, not one of {set(self.possible[product_id])}")
        self.possible[product_id] = frozenset([found])

    def patched(self, product_id: str, version: int) -> Possible:
        """What the product may be after a change of its fields."""
        return frozenset(State(version, state.put) for state in self.possible[product_id] if state is not None)
