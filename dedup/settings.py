"""What a recipe says of duplicates."""

from pydantic import BaseModel, ConfigDict, Field


class SemanticSettings(BaseModel):
    """Duplicates by meaning: cosine of sentence embeddings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "all-minilm-l6-v2"
    """`all-minilm-l6-v2` (comes with the installation), a local folder, or a Hub id."""
    threshold: float = Field(0.85, gt=0, le=1)
    """Tasks at least this similar are one task."""
    same_numbers: bool = True
    """Tasks whose numbers differ are never duplicates: re-parameterised problems look alike to any embedding."""


class DedupSettings(BaseModel):
    """Which duplicates are dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exact: bool = True
    """Tasks with the same normalised text; traces of one task with the same text."""
    structural: bool = True
    """Tasks with the same structural key."""
    semantic: SemanticSettings | None = None
