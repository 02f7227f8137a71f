"""What is said of a value that pydantic refused: one fault, without the value itself."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails


def first_fault(error: ValidationError) -> ErrorDetails:
    """The first fault: its type, place and message. The input, which may be a secret or huge, is left out."""
    return error.errors(include_url=False, include_context=False, include_input=False)[0]
