"""The layout of a weight file: the name and the shape of every tensor in it."""

from __future__ import annotations

from collections.abc import Mapping

Shape = tuple[int, ...]
Layout = dict[str, Shape]


def differences(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> str:
    """How two layouts differ, with an example of each kind; empty if they are equal."""
    faults = []
    if missing := sorted(expected.keys() - found.keys()):
        faults.append(f"{len(missing)} of {len(expected)} tensors are missing (the first: {missing[0]})")
    if unknown := sorted(found.keys() - expected.keys()):
        faults.append(f"{len(unknown)} are unknown (the first: {unknown[0]})")
    if other := sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name]):
        name = other[0]
        shapes = f"{name} is {list(found[name])}, expected {list(expected[name])}"
        faults.append(f"{len(other)} have a different shape (the first: {shapes})")
    return "; ".join(faults)
