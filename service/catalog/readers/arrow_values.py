"""Values of Arrow types as JSON values."""

import math
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import types


def is_plain(kind: pa.DataType) -> bool:
    """True for columns whose values can be an attribute: texts, numbers, truth values, times, and lists of them."""
    if types.is_dictionary(kind):
        return is_plain(kind.value_type)
    if _is_list(kind):
        return is_plain(kind.value_type) and not _is_list(kind.value_type)
    return not (types.is_nested(kind) or types.is_binary(kind) or _is_large_binary(kind))


def plain_value(value: Any, kind: pa.DataType) -> Any:
    """A value as JSON has it; bytes stay as they are. Not-a-number, which pandas uses for "missing", becomes none.

    A float32 becomes the shortest decimal that it stands for, since 28.9 as a float32 is 28.899999618530273 as a
    float64. A decimal with more digits than a float64 holds becomes a text.
    """
    if value is None:
        return None
    if types.is_dictionary(kind):
        return plain_value(value, kind.value_type)
    if types.is_map(kind):
        return {str(name): plain_value(item, kind.item_type) for name, item in value}
    if types.is_struct(kind):
        return {field.name: plain_value(value[field.name], field.type) for field in kind}
    if _is_list(kind):
        return [plain for item in value if (plain := plain_value(item, kind.value_type)) is not None]
    return _scalar(value, kind)


def _scalar(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else _shortest(value, kind)
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    return value.isoformat() if isinstance(value, date | time) else value


def _shortest(value: float, kind: pa.DataType) -> float:
    """Steele and White's shortest decimal, which numpy writes for each of its floats."""
    if types.is_float32(kind):
        return float(str(np.float32(value)))
    return float(str(np.float16(value))) if types.is_float16(kind) else value


def _is_list(kind: pa.DataType) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_large_binary(kind: pa.DataType) -> bool:
    return bool(types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind))
