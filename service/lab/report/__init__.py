"""One HTML file for a whole experiment: nothing in it is fetched from anywhere, and it can be passed on as it is."""

from service.lab.report.page import render_report
from service.lab.report.plots import require_matplotlib

__all__ = ["render_report", "require_matplotlib"]
