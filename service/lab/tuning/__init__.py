"""Learning on one's own catalog: a query adapter out of judged queries, exported only if it is proven to help."""

from service.lab.tuning.tune import Tuned, tune

__all__ = ["Tuned", "tune"]
