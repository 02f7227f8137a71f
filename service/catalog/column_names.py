"""Our names for the columns of feeds."""

from functools import lru_cache

from service.product import normal_text

KNOWN = frozenset({"id", "title", "category", "price", "image", "attributes"})

_FIXES = str.maketrans({"[": "(", "]": ")", '"': "'", "\\": "/"})


@lru_cache(4096)
def column_name(name: str) -> str:
    """A column's name as we have it: known ones are found in upper or lower case, all others are attributes."""
    name = name.strip()
    return name.lower() if name.lower() in KNOWN else attribute_name(name)


def attribute_name(name: str) -> str:
    """A name with other characters in place of those that an attribute's name may not hold, in Unicode's form C."""
    return normal_text(name.translate(_FIXES))
