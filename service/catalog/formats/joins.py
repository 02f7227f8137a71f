"""How the values that several lines give for one field of a product become one value.

A field without a rule has one value: a line that gives another one is rejected. Formats that write a variant per line,
as Shopify and WooCommerce do, name a rule for what differs between variants.
"""

from collections.abc import Callable
from typing import Any

Join = Callable[[Any, Any], Any]
"""Takes the value so far and that of the next line. Values are as JSON has them."""

AVAILABILITY = ("in_stock", "backorder", "preorder", "out_of_stock")
"""From the best on: a product is as available as its most available variant."""


def lowest(known: Any, new: Any) -> Any:
    """The lower of two numbers, as for prices "from 9.90"."""
    return min(known, new) if isinstance(known, int | float) and isinstance(new, int | float) else known


def collect(known: Any, new: Any) -> Any:
    """All different entries of two lists, in order; of values that are no lists, the first one."""
    return list(dict.fromkeys([*known, *new])) if isinstance(known, list) and isinstance(new, list) else known


def most_available(known: Any, new: Any) -> Any:
    """The better of two values of `availability`."""
    ranks = {value: rank for rank, value in enumerate(AVAILABILITY)}
    return min((known, new), key=lambda value: ranks.get(value, len(ranks)))
