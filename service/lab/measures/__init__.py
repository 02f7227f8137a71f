"""Quality measures of a run: trec_eval's, through ir-measures, and those that the papers define themselves."""

from service.lab.measures.evaluate import evaluate
from service.lab.measures.names import cutoffs, less_is_better, parse
from service.lab.measures.scores import Scores

__all__ = ["Scores", "cutoffs", "evaluate", "less_is_better", "parse"]
