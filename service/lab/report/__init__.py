"""One HTML file for a whole experiment: self-contained, so it can be shared; and its tables for other programs."""

from service.lab.report.page import render_report
from service.lab.report.plots import require_matplotlib
from service.lab.report.tables import csv_table, latex_table

__all__ = ["csv_table", "latex_table", "render_report", "require_matplotlib"]
