"""Attributes as Milvus stores them: JSON in which true is not 1.

Milvus Lite compares JSON values as Python does, where `true == 1` and `true > 0`; servers and JSON do not. So a
boolean is stored as `{"b": "t"}`, which equals no number anywhere, and a list that holds some, such as
`[true, 1, false]`, as `{"l": [null, 1, {}], "b": ["f", "t"]}`: null and `{}` keep their places.
"""

from collections.abc import Mapping
from typing import Any

from service.product import Attributes, AttributeValue, Scalar

BOOLEAN, LIST = "b", "l"
MOST_ADDED = 20
"""Bytes that an attribute takes more, as JSON."""


def boolean_text(value: bool) -> str:
    """How a boolean is written."""
    return "t" if value else "f"


def encode(attributes: Attributes) -> dict[str, Any]:
    """Attributes as they are stored."""
    return {name: _encoded(value) for name, value in attributes.items()}


def decode(stored: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Attributes as they were given; those that were stored plainly, too."""
    return {name: _decoded(value) for name, value in stored.items()}


def _encoded(value: AttributeValue) -> Any:
    if isinstance(value, bool):
        return {BOOLEAN: boolean_text(value)}
    booleans = {boolean_text(item) for item in value if isinstance(item, bool)} if isinstance(value, list) else None
    if not isinstance(value, list) or not booleans:
        return value
    return {LIST: [_placed(item) for item in value], BOOLEAN: sorted(booleans)}


def _placed(item: Scalar) -> Any:
    """An item of a list, or what stands in its place for a boolean."""
    return (None if item else {}) if isinstance(item, bool) else item


def _decoded(value: Any) -> AttributeValue:
    if not isinstance(value, dict):
        found: AttributeValue = value
        return found
    if LIST not in value:
        return bool(value[BOOLEAN] == boolean_text(True))
    return [True if item is None else False if item == {} else item for item in value[LIST]]
