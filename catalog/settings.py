"""What a recipe says of the dataset that leaves a build."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Profile = Literal["distill", "self_distill", "preference", "rl"]


class ExportSettings(BaseModel):
    """Which profiles are written, and how their rows are chosen and split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profiles: tuple[Profile, ...] = ("distill", "preference", "rl")
    test_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of tasks, by hash of the task, whose rows go to the test split."""
    max_per_task: int | None = Field(None, ge=1)
    """Traces of one task in `distill` and `self_distill`, pairs in `preference`, at most."""
