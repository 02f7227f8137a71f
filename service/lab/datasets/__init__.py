"""Readers of judged data sets, from the layouts in which they are published."""

from service.lab.datasets.registry import KINDS, load_dataset

__all__ = ["KINDS", "load_dataset"]
