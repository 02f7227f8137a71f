"""The learning rate schedule."""

import math

FLOOR = 0.02


def cosine(step: int, *, steps: int, warm_up: int, peak: float = 1.0) -> float:
    """The factor at `step`: linear up to `peak` over `warm_up` steps, then a cosine down to `FLOOR` of it."""
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return peak * min(1.0, (step + 1) / warm_up) * max(FLOOR, fall)
