"""What is said of a value that pydantic refused, without the value itself."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def first_fault(error: ValidationError) -> ErrorDetails:
    """The first of `faults`."""
    return faults(error)[0]


def faults(error: ValidationError) -> list[ErrorDetails]:
    """Type, place and message of each fault, our own words without pydantic's "Value error, " before them. The input,
    which may be a secret or huge, is left out.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    for fault in found:
        fault["msg"] = fault["msg"].removeprefix("Value error, ")
    return found
