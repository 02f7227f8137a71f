"""The base of what is sent and answered."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A JSON object that has these fields and no others, with values of these types and none to be converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
