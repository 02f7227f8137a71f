"""The registry of data set kinds, and one way to read them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call

from service.lab.datasets import beir, circled, circo, cirr, fashioniq, genecis, lasco, own, pinpoint, trec
from service.lab.judged import DataSet
from service.lab.lab_errors import DataSetError
from service.support.first_fault import first_fault

_READERS: dict[str, Callable[..., DataSet]] = {
    "beir": beir.read,
    "circled": circled.read,
    "circo": circo.read,
    "cirr": cirr.read,
    "fashioniq": fashioniq.read,
    "genecis": genecis.read,
    "jsonl": own.read,
    "lasco": lasco.read,
    "pinpoint": pinpoint.read,
    "trec": trec.read,
}

KINDS = tuple(_READERS)
"""What `load_dataset` reads."""


def load_dataset(kind: str, path: Path | str, **options: Any) -> DataSet:
    """Read a data set from the user's folder; nothing is fetched.

    All validation happens here: files that are missing, ids that are unknown or duplicated, images whose
    header cannot be read (`check_images=False` skips that). Options are those of the kind's own reader.

    Raises:
        DataSetError: one message with the file and the line, or about an option.
    """
    if kind not in _READERS:
        raise DataSetError(f"There is no kind of data set named {kind!r}. The kinds are: {', '.join(KINDS)}.")
    read = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(_READERS[kind])
    try:
        return read(Path(path), **options)
    except ValidationError as error:
        first = first_fault(error)
        name = ".".join(str(part) for part in first["loc"])
        raise DataSetError(f"The option {name} of a {kind} data set is not valid: {first['msg']}.") from error
