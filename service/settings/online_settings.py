"""Online evaluation: search log, feedback and interleaving."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from service.search.online.rival import Rival
from service.settings.group import Group


class OnlineSettings(Group):
    """Online evaluation: search log, feedback and interleaving."""

    search_log: Path | None = Field(None, description="Folder for a log of searches and feedback; none: no log.")
    search_log_text: bool = Field(True, description="Write the texts of searches to that log.")
    feedback: bool = Field(False, description="Accept clicks and purchases at /v1/feedback; needs the search log.")
    interleave: Rival | None = Field(
        None,
        description="Second configuration of reranking or retrieval, compared with the configured one by interleaving; "
        "needs the search log.",
    )
    interleave_share: float = Field(0.1, gt=0, le=1, description="Share of searches that are interleaved.")

    @model_validator(mode="after")
    def _compare(self) -> Self:
        if self.search_log is None and (self.feedback or self.interleave):
            raise ValueError("feedback and interleave need search_log, the folder for their log")
        return self
