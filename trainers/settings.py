"""What a recipe says of training."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainSettings(BaseModel):
    """One training stage on an exported profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["sft"] = "sft"
    model: str = "smollm2-135m-instruct"
    """`smollm2-135m-instruct` (comes with the installation), a local folder, or a Hub id."""
    format: str = "chatml"
    """How a prompt becomes raw text, in training and evaluation alike: best the teacher's."""
    lora_rank: int | None = Field(None, ge=1)
    """Rank of LoRA adapters on all linear layers; None trains every weight."""
    learning_rate: float = Field(1e-5, gt=0)
    epochs: float = Field(1.0, gt=0)
    max_steps: int = -1
    """Optimiser steps at most; -1 leaves it to the epochs."""
    batch: int = Field(4, ge=1)
    """Rows an optimiser step and device."""
    accumulate: int = Field(1, ge=1)
    """Micro-batches summed before an optimiser step."""
    max_length: int = Field(2048, ge=16)
    """Rows are cut to so many tokens."""
    save_steps: int = Field(50, ge=1)
    """A checkpoint, from which an interrupted training resumes, every so many optimiser steps."""
    seed: int = 0
    evaluate_tasks: int = Field(32, ge=0)
    """Held-out tasks answered before and after; 0 skips it."""
    evaluate_max_tokens: int = Field(256, ge=1)
