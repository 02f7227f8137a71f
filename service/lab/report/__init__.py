"""One HTML file for a whole experiment: self-contained, so it can be shared."""

from service.lab.report.page import render_report
from service.lab.report.plots import require_matplotlib

__all__ = ["render_report", "require_matplotlib"]
