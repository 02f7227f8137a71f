"""What is known only after a whole feed was read: the types of its columns, and each product's fields."""

from collections.abc import Iterator, Mapping, Sequence

from service.catalog.column_types import ColumnTypes, Kind, WrongTypeError
from service.catalog.formats import PLAIN, FeedFormat
from service.catalog.product_lines import Joined, ProductLines
from service.catalog.rows import NO_IMAGE, FeedRow, ImageName, InvalidField, Reject, make_product
from service.product import Product

_SHOWN_MIXTURES = 20


class Survey:
    """Filled by a first pass over the lines; a second pass produces the rows. Use it in a `with`."""

    def __init__(self, *, textual: bool, kinds: Mapping[str, Kind], format: FeedFormat = PLAIN) -> None:
        """See `ColumnTypes`; `format` says how lines of a product are joined."""
        self._types = ColumnTypes(textual=textual, kinds=kinds)
        self._format = format
        self.lines = 0
        self.objection: str | None = None  # why the feed is not the whole of itself
        self._products = ProductLines(format.rule)
        self._made: tuple[str, Product | InvalidField] | None = None

    def __enter__(self) -> "Survey":
        """Nothing to do yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete what was collected."""
        self._products.close()

    def add(self, line: FeedRow) -> None:
        """A line, of the first pass."""
        self._types.see(line.product.attributes)
        self._products.add(line)

    def rows(self, line: FeedRow) -> Iterator[FeedRow | Reject]:
        """The rows of a line, of the second pass: one for each image, with the fields of the whole product.

        A line that contradicts an earlier one of its product is rejected, and the product is what the earlier one says.
        If no line of a product has an image, its first line has the only row.
        """
        id, joined = line.product.id, self._products.get(line.product.id)
        conflict = joined.conflict(line)
        if conflict is not None:
            yield Reject(line.line, conflict.reason, id, conflict.name)
        elif line.images:
            for image in line.images:
                yield self._row(line, joined, image) if image is not None else Reject(line.line, NO_IMAGE, id, "image")
        elif not joined.images and line.line == joined.line:
            yield self._row(line, joined)

    def first_line(self, product_id: str) -> int | None:
        """The first line of a product."""
        return self._products.get(product_id).line

    def known(self, product_ids: Sequence[str]) -> set[str]:
        """Those of these products that the feed has; a thousand ids at most."""
        return self._products.known(product_ids)

    def product_ids(self) -> Iterator[str]:
        """The ids of all products of the feed, in no order."""
        return self._products.ids()

    @property
    def notes(self) -> list[str]:
        """Notes for the feed's owner on the types of its columns."""
        found = ", ".join(f"{name!r} ({kind})" for name, kind in self._types.found.items())
        notes = [f"Columns that are not text: {found}. --type changes that."] if found else []
        for name, kinds in list(self._types.mixed.items())[:_SHOWN_MIXTURES]:
            notes.append(
                f"The attribute {name!r} is {' here and '.join(kinds)} there; a filter compares one type. "
                f"--type {name}={kinds[-1]} makes them one."
            )
        return notes

    def _row(self, line: FeedRow, joined: Joined, *images: ImageName) -> FeedRow | Reject:
        if self._made is None or self._made[0] != line.product.id:  # mostly, lines of a product follow one another
            self._made = line.product.id, self._product(line.product.id, joined)
        id, product = self._made
        if isinstance(product, InvalidField):
            return Reject(line.line, product.reason, id, product.name)
        return FeedRow(line.line, product, images)

    def _product(self, id: str, joined: Joined) -> Product | InvalidField:
        """A product from all its lines in the types of its columns, or why it is invalid."""
        fields = self._format.complete(joined.fields())
        try:
            return make_product({**fields, "id": id, "attributes": self._types.convert(fields["attributes"])})
        except WrongTypeError as error:
            return InvalidField(error.name, str(error))
