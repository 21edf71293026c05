"""What all mappings of targets and environments files share: unknown keys are errors. No I/O."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A mapping in the user's words."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)
