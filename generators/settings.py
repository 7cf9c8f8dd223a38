"""What a recipe says of where tasks and traces come from."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SaturnSettings(_Settings):
    """Satisfiable n-SAT tasks with a planted solution (SATURN, arXiv 2505.16368)."""

    generator: Literal["saturn"]
    n: int = Field(3, ge=1, le=20)
    """Literals a clause."""
    k: int = Field(5, ge=1, le=20)
    """Variables."""
    l: int = Field(5, ge=1)  # noqa: E741  (the paper's name)
    """Clauses."""
    count: int = Field(ge=1)


AlgebraKind = Literal["linear", "quadratic", "system", "modular", "derivative", "sum", "counting"]
ALGEBRA_KINDS: tuple[AlgebraKind, ...] = get_args(AlgebraKind)


class AlgebraSettings(_Settings):
    """Problems built backwards from an answer with sympy."""

    generator: Literal["algebra"]
    kinds: tuple[AlgebraKind, ...] = ALGEBRA_KINDS
    levels: tuple[int, ...] = (1, 2, 3, 4, 5)
    """Difficulties, each from 1 to 5."""
    count: int = Field(ge=1)
    """Problems in all, spread evenly over kinds and levels."""


class ProblemColumns(_Settings):
    """Which column of a problem set holds what; a reference is needed unless the verifier works from a spec alone."""

    prompt: str = "problem"
    reference: str | None = "answer"
    spec: str | None = None
    difficulty: str | None = None
    license: str | None = None
    """Column with a licence a row, where they differ; else `license` of the section counts for all."""


class ProblemsSettings(_Settings):
    """A problem set from a JSONL (also .gz) or Parquet file, or a `datasets` id."""

    generator: Literal["problems"]
    path: str | None = None
    """A file; relative to the recipe."""
    dataset: str | None = None
    """A Hub id, in place of `path`."""
    config: str | None = None
    split: str = "train"
    columns: ProblemColumns = ProblemColumns()
    domain: str = "math"
    verifier: Literal["math", "choice", "text", "sat", "code"] = "math"
    source: str
    """Name of the problem set, kept with each row."""
    license: str
    """Licence of the problem texts, kept with each row."""
    limit: int | None = Field(None, ge=1)
    """Only the first so many rows."""
    consensus: float | None = Field(None, gt=0, le=1)
    """Share of a task's traces whose agreement makes a reference where the row has none; None refuses such rows."""


TaskSettings = Annotated[SaturnSettings | AlgebraSettings | ProblemsSettings, Field(discriminator="generator")]


class SampleSettings(_Settings):
    """How traces are drawn from a teacher."""

    teacher: str
    """Name of a teacher of the recipe."""
    n: int = Field(1, ge=1, le=1024)
    """Traces a task."""
    temperature: float = Field(0.6, ge=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(2048, ge=1)
    """Limit on new tokens of a trace."""
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    prompts: dict[str, str] = {}
    """Per domain, the text sent to the teacher, with `{prompt}` where the problem goes."""
