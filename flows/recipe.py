"""A recipe: the TOML file that says what a dataset is made of, read into models that refuse what they do not know."""

import difflib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.settings import ExportSettings
from dedup.settings import DedupSettings
from generators.settings import HintSettings, ProblemsSettings, ReviseSettings, SampleSettings, TaskSettings
from generators.teachers.settings import TeacherSettings
from trainers.settings import TrainSettings


class AuditSettings(BaseModel):
    """How the verifiers are audited before an export; no part of a build's identity, for it changes no row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample: int = Field(16, ge=0)
    """Tasks of the build, a verifier, whose right answers are changed and rewritten; 0 is no audit."""
    max_false_accept: float = Field(0.01, ge=0, le=1)
    """Share of wrong answers judged correct above which nothing is exported."""
    max_false_reject: float = Field(0.1, ge=0, le=1)
    """Share of right answers judged wrong or unparsable above which nothing is exported."""


class VerifySettings(BaseModel):
    """How traces are judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deadline_s: float = Field(5.0, gt=0)
    """A verification that runs longer is killed and its verdict is `timeout`."""
    sandbox: Literal["limits", "filters", "namespaces"] = "filters"
    """The least level of the sandbox at which programs run; below it, a machine samples nothing for tasks of code."""
    audit: AuditSettings = AuditSettings()


class BudgetSettings(BaseModel):
    """Limits at which a build stops cleanly, to be resumed by the same command with a larger budget."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: int | None = Field(None, ge=1)
    """Prompt and completion tokens paid for by this build."""
    seconds: float | None = Field(None, gt=0)
    """Wall time of one run of the build."""
    money: float | None = Field(None, gt=0)
    """By the teachers' prices."""


class Recipe(BaseModel):
    """What a dataset is made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Name of the dataset; a folder of the store."""
    seed: int = 0
    shard_size: int = Field(256, ge=1)
    """Tasks a shard: the unit of work and of restart."""
    tasks: tuple[TaskSettings, ...] = Field(min_length=1)
    teachers: dict[str, TeacherSettings] = Field(min_length=1)
    sample: SampleSettings
    verify: VerifySettings = VerifySettings()
    revise: ReviseSettings | None = None
    hint: HintSettings | None = None
    dedup: DedupSettings = DedupSettings()
    export: ExportSettings = ExportSettings()
    train: TrainSettings | None = None
    budget: BudgetSettings = BudgetSettings()

    @property
    def in_use(self) -> set[str]:
        """Names of the teachers that the stages ask."""
        return {stage.teacher for stage in (self.sample, self.revise, self.hint) if stage is not None}

    @model_validator(mode="after")
    def _votes_have_voters(self) -> "Recipe":
        if self.sample.n < 2 and any(isinstance(one, ProblemsSettings) and one.consensus for one in self.tasks):
            raise ValueError("a problems section has consensus and sample.n is 1: draw at least 2 traces a task")
        return self

    @model_validator(mode="after")
    def _teachers_exist(self) -> "Recipe":
        for section, stage in (("sample", self.sample), ("revise", self.revise), ("hint", self.hint)):
            if stage is not None and stage.teacher not in self.teachers:
                near = difflib.get_close_matches(stage.teacher, self.teachers, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"the recipe has {', '.join(sorted(self.teachers))}"
                raise ValueError(
                    f"{section}.teacher names {stage.teacher!r}, which is no teacher of this recipe: {hint}"
                )
        if self.revise and self.teachers[self.revise.teacher].thinking is None:
            raise ValueError(
                f"revise.teacher {self.revise.teacher!r} does not say what its reasoning stands between: add "
                f'thinking = ["<think>", "</think>"] to [teachers.{self.revise.teacher}]'
            )
        return self
