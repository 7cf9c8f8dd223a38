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


TRANSITIONS = (
    "But",
    "Wait",
    "Alternatively",
    "However",
    "Hmm",
    "Hmmm",
    "Not sure",
    "Going back",
    "Backtrack",
    "Trace back",
    "Another",
)
"""Words that open another thought: the list that goes with Retro-Search (arXiv 2504.04383, section 2)."""


class ReviseSettings(_Settings):
    """How correct traces are revised into shorter ones (Retro-Search, arXiv 2504.04383)."""

    teacher: str
    """Name of the teacher of the recipe that revises: the one that sampled, or a smaller one."""
    mode: Literal["full", "partial", "tail", "close"] = "full"
    """`full`: every switch of thought, left to right; `partial`: one at random; `tail`: only those after the right
    answer first stands; `close`: the thinking is ended there and only the answer written."""
    keywords: tuple[Annotated[str, Field(pattern=r"\S")], ...] = Field(TRANSITIONS, min_length=1)
    """Words that open another thought at the start of a paragraph, in any language."""
    rollouts: int = Field(1, ge=1, le=64)
    """Rollouts a switch point; their values are averaged, so that one lucky rollout among wrong ones counts little."""
    gamma: float = Field(0.9, gt=0, lt=1)
    """What a step more takes off a rollout's value."""
    temperature: float = Field(0.6, ge=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(4096, ge=1)
    """Limit on new tokens of a rollout; one that reaches it is never accepted."""
    redraws: int = Field(8, ge=0)
    """How often a rollout's first step is drawn anew where it holds a keyword: not every teacher can be banned one."""
    max_switches: int = Field(100, ge=1)
    """Switch points tried a trace and start, at most."""
    budget_tokens: int = Field(65_536, ge=1)
    """New tokens of all rollouts of a trace; none is begun once they are spent."""
    lead: str = ""
    """What an answer begins with, written for the reviser, where the reasoning is ended for it (`close`); it stands in
    the revised trace. A small model answers more often with one, e.g. `The final answer is \\boxed{`."""
    starts: int = Field(1, ge=1, le=64)
    """Independent searches a trace, of which the best is taken: luck is welcome here, for each result is verified."""
    controls: float = Field(0.1, ge=0, le=1)
    """Share of the revised traces on which cheaper ways to a shorter trace get the same tokens, for the report."""


class HintSettings(_Settings):
    """How traces are taught to use a code interpreter (CoRT, arXiv 2506.09820)."""

    teacher: str
    """Name of a teacher of the recipe."""
    strategy: Literal["prompt", "engineered", "both"] = "both"
    """`prompt` asks for code from the start, `engineered` cuts a trace where a hint helps and goes on from there."""
    n: int = Field(1, ge=1, le=64)
    """Continuations of one prefix."""
    positions: int = Field(4, ge=1, le=64)
    """Positions of one trace tried at most."""
    controls: bool = False
    """Whether the same continuations are also asked for without the hint, and traces with plain tool prompting."""
    temperature: float = Field(0.6, ge=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(8192, ge=1)
    """Limit on the tokens that are added to a trace, tool output included."""
    calls: int = Field(12, ge=1, le=100)
    """Code blocks that run in one trace; at the last the teacher is told so."""
    cell_s: float = Field(5.0, gt=0, le=600)
    """Seconds that one code block may run."""
    sandbox: Literal["limits", "filters", "namespaces"] = "filters"
    """Least level of the sandbox (docs/security.md)."""
    prompts: dict[str, str] = {}
    """Per domain, the text sent to the teacher, with `{prompt}` where the problem goes; else one that asks for code."""
    per_difficulty: int | None = Field(None, ge=1)
    """Hinted traces of each difficulty that may train, so that easy tasks do not crowd out hard ones; none: all."""
