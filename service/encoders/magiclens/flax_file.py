"""The published weight files: a pickle of one `bytes` object, in it what `flax.serialization.to_bytes` writes.

That is msgpack: nested maps with texts as keys; an array is an extension whose payload is msgpack again: shape, name of
the dtype, bytes in C order. A very large array is a map of its pieces. Nothing in a file can name code: an unpickler
that resolves no global is enough for a `bytes` object of pickle protocol 3 or later, and msgpack has data alone.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NoReturn

import msgpack
import torch
from torch import Tensor

from service.errors import EncoderUnavailable

_ARRAY, _SCALAR = 1, 3  # flax's codes; the latter is a numpy scalar, packed as an array without axes
_PIECES = "__msgpack_chunked_array__"
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
Tree = dict[str, Any]


def read_flax(path: Path) -> dict[str, Tensor]:
    """The arrays of a file, in the dtype that they have there; their names are the keys on the way, joined with `/`.

    Raises `EncoderUnavailable` if the file is damaged, or holds anything but floating-point arrays.
    """
    try:
        with path.open("rb") as file:
            tree = msgpack.unpackb(_BytesAlone(file).load(), ext_hook=_array)
        return dict(_leaves(tree, ()))
    except Exception as error:  # declared fault boundary: a broken pickle may raise anything
        raise EncoderUnavailable(
            f"{path} is not a pickled flax checkpoint of floating-point arrays, or it is damaged. Download it again."
        ) from error


class _BytesAlone(pickle.Unpickler):
    """Reads builtin data; whatever would be looked up by a name is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        """Refuse."""
        raise pickle.UnpicklingError("the file names something to be called")


def _array(code: int, payload: bytes) -> Tensor:
    """One array. Its memory is that of the payload's bytes."""
    if code not in (_ARRAY, _SCALAR):
        raise ValueError("an extension that is no array")
    shape, dtype, values = msgpack.unpackb(payload)
    if not values:
        raise ValueError("an array without numbers")
    return torch.frombuffer(bytearray(values), dtype=_DTYPES[dtype]).reshape(shape)


def _leaves(tree: Tree, path: tuple[str, ...]) -> Any:
    """(name, array) of every array."""
    for key, value in tree.items():
        if isinstance(value, dict):
            whole = _joined(value) if _PIECES in value else None
            yield from _leaves(value, (*path, key)) if whole is None else [("/".join((*path, key)), whole)]
        elif isinstance(value, Tensor):
            yield "/".join((*path, key)), value
        else:
            raise TypeError("a value that is no array")


def _joined(pieces: Tree) -> Tensor:
    """An array that was cut into flat pieces."""
    parts, shape = (_in_order(pieces[name]) for name in ("chunks", "shape"))
    return torch.cat(parts).reshape(shape)


def _in_order(numbered: Tree) -> list[Any]:
    """A tuple, which flax writes as a map from "0", "1", …"""
    return [numbered[str(place)] for place in range(len(numbered))]
