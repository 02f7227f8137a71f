"""Reads the search logs of all processes. Lines that do not belong to a search log are counted and skipped: the last
one of a file may be torn. A line that stands there twice, in a copy of a file, counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasPath, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from service.errors import InvalidInput
from service.search.online.log_file import SUFFIX
from service.wire.feedback import FeedbackKind

NO_LOG = (
    "There is no search log in that folder. Give the folder named by WITHTHIS_SEARCH_LOG of a service that has "
    "answered searches."
)


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    time: AwareDatetime


class ConfigurationLine(BaseModel):
    """The configuration of an order; None in all fields for retrieval alone. `retrieval`: its name, where two were
    compared.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    retrieval: str | None = None
    engine: str | None
    strategy: str | None
    prompt: str | None
    candidates: int | None
    fusion_weight: float | None
    fusion_method: str | None

    @property
    def name(self) -> str:
        """In words, for tables."""
        found = f"retrieval ({self.retrieval})" if self.retrieval else "retrieval"
        if self.strategy is None:
            return found
        made = f"{self.engine}, {self.strategy}, {self.prompt}, {self.candidates} candidates"
        made = f"{made}, weight {self.fusion_weight:g} ({self.fusion_method})"
        return f"{found}, {made}" if self.retrieval else made


class EncoderLine(BaseModel):
    """The encoder behind both orders."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    fingerprint: str


class ImageLine(BaseModel):
    """One image of a query: the hash of its bytes, of which product it is the image (if of one), and its weight."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    image: str
    product: str | None = None
    weight: float = 1.0


class NegativeLine(BaseModel):
    """What the products should not be."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    text: str | None = None
    image: str | None = None
    weight: float = 0.0


class QueryLine(BaseModel):
    """What was asked. `text_left_out`: there was a text, which the log was not to have."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str | None = None
    text_left_out: bool = False
    image: str | None = None
    product: str | None = None
    images: tuple[ImageLine, ...] | None = None
    filter: dict[str, JsonValue] | None = None
    negative: NegativeLine | None = None

    @property
    def all_images(self) -> tuple[ImageLine, ...]:
        """Its images, whether it was asked with one or with several."""
        if self.images:
            return self.images
        return () if self.image is None else (ImageLine(image=self.image, product=self.product),)


class SearchLine(_Line):
    """A search; `teams` is None if it was not interleaved. `session`: whose it was, None if nobody said. The answer
    showed the first `shown` of `order`, after `offset` products on the pages before.
    """

    kind: Literal["search"]
    id: str
    session: str | None = None
    query: QueryLine = QueryLine()
    encoder: EncoderLine
    a: ConfigurationLine
    b: ConfigurationLine | None
    order_a: tuple[str, ...] = Field((), validation_alias=AliasPath("a", "order"))
    order_b: tuple[str, ...] = Field((), validation_alias=AliasPath("b", "order"))
    order: tuple[str, ...]
    teams: Annotated[str, Field(pattern="^[AB]*$")] | None
    shown: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)] = 0

    @property
    def prefix(self) -> int:
        """How many products both orders begin with. A click on one of them says nothing about which order is better."""
        same = takewhile(lambda pair: pair[0] == pair[1], zip(self.order_a, self.order_b, strict=False))
        return sum(1 for _ in same)


class FeedbackLine(_Line):
    """What a user did with a product of an answer."""

    kind: Literal["feedback"]
    query_id: str
    product_id: str
    event: FeedbackKind


Line = SearchLine | FeedbackLine
_LINES: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


class SearchLog:
    """A folder of log files, read in whatever order. `damaged` counts lines skipped in the last reading."""

    def __init__(self, folder: Path) -> None:
        """Raises InvalidInput if there is no log."""
        self._files = sorted(folder.glob(f"*{SUFFIX}"))
        if not self._files:
            raise InvalidInput(NO_LOG)
        self.damaged = 0

    def lines(self) -> Iterator[Line]:
        """Every line, of searches and of feedback. Raises InvalidInput for a file that cannot be read."""
        self.damaged = 0
        seen: set[bytes] = set()
        for path in self._files:
            yield from self._read(path, seen)

    def _read(self, path: Path, seen: set[bytes]) -> Iterator[Line]:
        try:
            with path.open("rb") as file:
                for line in file:
                    if (known := hashlib.blake2b(line, digest_size=12).digest()) in seen:
                        continue
                    seen.add(known)
                    try:
                        yield _LINES.validate_json(line)
                    except ValidationError:
                        self.damaged += 1
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read. Check its permissions.") from error
