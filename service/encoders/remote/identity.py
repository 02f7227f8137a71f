"""The fingerprint of a model that nobody can look into: its name and form, and a sketch of what it answers.

A server computes the same input a little differently from day to day: other batches, other cards, 16 bits. So sketches
are compared and not matched: two fingerprints are of one model where the first parts are equal and the sketches next to
equal. A sketch is a random projection, which keeps angles (Johnson & Lindenstrauss, 1984); 16 bytes of it tell other
weights, whose sketches are unrelated, and fine-tuned ones apart from rounding.
"""

import hashlib

import numpy as np
import numpy.typing as npt

__all__ = ["fingerprint_of", "is_same_model", "without_sketch"]

_MARK = "-sketch-"
_BYTES = 16
_LEAST_COSINE = 0.985
"""Rounding of 8 bits alone costs less than 0.0005, and noise of 16-bit weights about as much."""


def fingerprint_of(facts: tuple[object, ...], probes: npt.NDArray[np.float32]) -> str:
    """`facts` are equal if the model is; `probes` are its answers to fixed inputs, float32 [n, dimension]."""
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
    mixing = np.random.default_rng(0).normal(size=(probes.size, _BYTES))
    mixed = probes.reshape(-1).astype(np.float64) @ mixing
    sketch = np.round(mixed / np.abs(mixed).max() * 127).astype(np.int8)
    return f"{digest}{_MARK}{sketch.tobytes().hex()}"


def is_same_model(one: str, other: str) -> bool:
    """Whether two fingerprints, without their document forms, are of the same model."""
    if one == other:
        return True
    sketches = _sketch(one), _sketch(other)
    if without_sketch(one) != without_sketch(other) or sketches[0] is None or sketches[1] is None:
        return False
    norms = np.linalg.norm(sketches[0]) * np.linalg.norm(sketches[1])
    return bool(norms > 0 and float(sketches[0] @ sketches[1]) >= _LEAST_COSINE * norms)


def without_sketch(fingerprint: str) -> str:
    """What of a fingerprint is equal in all processes with the same model."""
    return fingerprint.partition(_MARK)[0]


def _sketch(fingerprint: str) -> npt.NDArray[np.float32] | None:
    _, _, found = fingerprint.partition(_MARK)
    try:
        sketch = np.frombuffer(bytes.fromhex(found), np.int8).astype(np.float32)
    except ValueError:
        return None
    return sketch if len(sketch) == _BYTES else None
