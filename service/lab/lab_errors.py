# ruff: noqa: N818 (as in service.errors)
"""The errors of the relevance lab, a branch of the tree in `service.errors`.

InvalidInput
└── LabError                 400   an experiment cannot be run as described
    ├── ExperimentError      400   an experiment's file, or its folder of results, cannot be used
    ├── DataSetError         400   a data set violates its format; names the file and the line
    ├── JudgmentsMissing     400   measures were requested for a split without public ground truth
    ├── ClicksMissing        400   a search log in which nobody clicked on anything
    ├── UnknownMeasure       400   an unknown measure
    ├── SubmissionError      400   a run that an evaluation server would refuse
    ├── UnknownPair          404   the pool has no pair of this number
    └── UnknownGrade         400   a grade that is not on the scale
"""

from pathlib import Path

from service.errors import InvalidInput


class LabError(InvalidInput):
    """An experiment cannot be run as described."""

    type = "lab"
    title = "The experiment cannot be run"
    default_detail = "Correct the experiment and run it again."


class ExperimentError(LabError):
    """An experiment's file, or its folder of results, cannot be used; the detail names the place."""

    type = "experiment"
    title = "The experiment cannot be run"


class DataSetError(LabError):
    """A data set violates its format."""

    type = "data-set"
    title = "The data set cannot be read"
    default_detail = "Compare the folder with the layout that docs/evaluate.md describes."

    def __init__(
        self, problem: str | None = None, *, file: Path | None = None, line: int | None = None, entry: str | None = None
    ) -> None:
        """`problem` is a sentence without its full stop; `line` counts from 1, `entry` names a part of a JSON file."""
        place = ", ".join(part for part in (str(file), f"line {line}" if line else "", entry) if part)
        super().__init__(f"{place}: {problem}." if file and problem else problem)
        self.file = file
        self.line = line
        self.entry = entry


class JudgmentsMissing(LabError):
    """Measures were requested for a split without public ground truth."""

    type = "judgments-missing"
    title = "There are no judgments"
    default_detail = "This split has no public ground truth. Write a submission and send it to the evaluation server."

    def __init__(self, name: str | None = None) -> None:
        """`name`: the data set."""
        super().__init__(f"{name}: {self.default_detail}" if name else None)


class ClicksMissing(LabError):
    """A search log in which nobody clicked on anything."""

    type = "clicks-missing"
    title = "There are no clicks"
    default_detail = (
        "No search in this log has feedback about a product that it showed, with its query in the log. Set "
        "WITHTHIS_FEEDBACK, send events to /v1/feedback, and leave WITHTHIS_SEARCH_LOG_TEXT on; "
        "--since and --with-session leave searches out."
    )


class UnknownMeasure(LabError):
    """An unknown measure."""

    type = "unknown-measure"
    title = "There is no such measure"
    default_detail = "Use names such as nDCG@10, RR, AP, P@5, R@10, Success@1, R_subset@1 and mAP@5."


class SubmissionError(LabError):
    """A run that an evaluation server would refuse."""

    type = "submission"
    title = "The submission would be refused"
    default_detail = "Run all queries of the test split with a ranking that is long enough."


class UnknownPair(LabError):
    """The pool has no pair of this number."""

    status = 404
    type = "unknown-pair"
    title = "There is no such pair"
    default_detail = "Reload the page: the pool may have changed."


class UnknownGrade(LabError):
    """A grade that is not on the scale."""

    type = "unknown-grade"
    title = "There is no such grade"
    default_detail = "Use a grade of the scale that the page shows."
