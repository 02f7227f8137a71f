"""The product model, shared by the catalog, the search and the API."""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

MAX_ID_CHARS = 256
MAX_TITLE_CHARS = 1000
MAX_CATEGORY_CHARS = 200
MAX_ATTRIBUTES = 256
MAX_ATTRIBUTE_NAME_CHARS = 100
MAX_ATTRIBUTE_TEXT_CHARS = 10_000
MAX_ATTRIBUTES_BYTES = 60_000
"""All attributes of a product as JSON in UTF-8. A Milvus server takes 65,536 bytes in a JSON field, and each attribute
may take 20 more there (see `service.stores.milvus.attributes`)."""

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
AttributeValue = Scalar | list[Scalar]
Attributes = Mapping[str, AttributeValue]

ATTRIBUTE_NAME_RULE = (
    f"an attribute's name is 1 to {MAX_ATTRIBUTE_NAME_CHARS} printable characters "
    "without double quotes, backslashes and square brackets"
)

_MAX_INTEGER = 2**63 - 1
# Names become JSON paths in store expressions; some servers split paths at brackets without reading the quotes.
_ATTRIBUTE_NAME = re.compile(rf'[^\x00-\x1f\x7f-\x9f"\\\[\]\ud800-\udfff]{{1,{MAX_ATTRIBUTE_NAME_CHARS}}}')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable_text(text: str) -> bool:
    """True if a text can be stored everywhere: no lone surrogates and no NUL (UTF-8 stores refuse both)."""
    return _UNSTORABLE.search(text) is None


def normal_text(text: str) -> str:
    """A text in the Unicode normalization form C (UAX #15), in which titles, attributes, filters and queries meet.

    macOS writes file names in form D: `é` as two characters, which no word or filter of form C would match.
    """
    return unicodedata.normalize("NFC", text)


def _has_control(text: str) -> bool:
    return _CONTROL.search(text) is not None


def check_id(value: str) -> str:
    """Return an id as it is, or raise ValueError if it is padded with blanks or holds control characters."""
    if not value or value != value.strip() or _has_control(value) or not is_storable_text(value):
        raise ValueError("an id is 1 to 256 printable characters without surrounding blanks")
    return value


def check_text(value: str) -> str:
    """Return a text in form C, or raise ValueError if no store could hold it."""
    return normal_text(check_storable(value))


def check_storable(value: str) -> str:
    """Return a text as it is, or raise ValueError if no store could hold it."""
    if not is_storable_text(value):
        raise ValueError("the text contains characters that are not valid Unicode")
    return value


def is_attribute_name(name: str) -> bool:
    """True if a name may be the name of an attribute (see `ATTRIBUTE_NAME_RULE`)."""
    return _ATTRIBUTE_NAME.fullmatch(name) is not None


def _check_scalar(name: str, value: Scalar) -> Scalar:
    if isinstance(value, str):
        if len(value) > MAX_ATTRIBUTE_TEXT_CHARS or not is_storable_text(value):
            raise ValueError(
                f"attribute {name[:40]!r} is not a valid text of at most {MAX_ATTRIBUTE_TEXT_CHARS} characters"
            )
        return normal_text(value)
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError(f"attribute {name[:40]!r} is not a finite number")
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise ValueError(f"attribute {name[:40]!r} is too large a number")
    return value


def _check_value(name: str, value: AttributeValue) -> AttributeValue:
    if not is_attribute_name(name):
        raise ValueError(ATTRIBUTE_NAME_RULE)
    return [_check_scalar(name, item) for item in value] if isinstance(value, list) else _check_scalar(name, value)


def check_attributes(values: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Return attributes in form C, or raise ValueError naming the first one that cannot be stored."""
    if len(values) > MAX_ATTRIBUTES:
        raise ValueError(f"a product has at most {MAX_ATTRIBUTES} attributes")
    checked = {normal_text(name): _check_value(name, value) for name, value in values.items()}
    if len(checked) < len(values):
        raise ValueError("two attributes have the same name")
    if len(json.dumps(checked, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_ATTRIBUTES_BYTES:
        raise ValueError(f"the attributes of a product are at most {MAX_ATTRIBUTES_BYTES} bytes together, as JSON")
    return checked


IdText = Annotated[str, Field(max_length=MAX_ID_CHARS), AfterValidator(check_id)]
TitleText = Annotated[str, Field(max_length=MAX_TITLE_CHARS), AfterValidator(check_text)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AttributeMap = Annotated[dict[str, AttributeValue], AfterValidator(check_attributes)]
CategoryText = Annotated[str, Field(min_length=1, max_length=MAX_CATEGORY_CHARS), AfterValidator(check_text)]


class Product(BaseModel):
    """One product as the outside sees it. A product may have several images; `image_key` names the one shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: IdText
    title: TitleText = ""
    category: CategoryText | None = None
    price: Price | None = None
    attributes: AttributeMap = Field(default_factory=dict)
    image_key: str
