"""Who revises: one request of a rollout, journalled before anything else happens to its answer.

The journal's key is made of task, rollout, the reviser's revision, the rendered prefix, and parameters that name the
trace, the search, the switch point and the phase (the banned step, the rest, an answer): no two rollouts share one.
"""

from dataclasses import dataclass

from catalog.errors import UserError
from catalog.ids import canonical_json, seed_for
from catalog.records import Completion, Task
from generators import asking
from generators.retro_search.segment import BLANK
from generators.sampling import Sampler, rendered
from generators.settings import ReviseSettings
from generators.teachers.protocol import Request

STAGE = "revise"


@dataclass(frozen=True, slots=True)
class Reviser:
    """Who revises, and how: a sampler lends its teacher, format, delimiters, prompts, journal, seed, meter and slots.

    Raises UserError where its teacher has no delimiters for the reasoning.
    """

    sampler: Sampler
    settings: ReviseSettings

    def __post_init__(self) -> None:
        if self.sampler.thinking is None:
            raise UserError(
                f"The teacher {self.sampler.teacher.name!r} revises and does not say what its reasoning stands between:"
                ' write thinking = ["<think>", "</think>"] into its section.'
            )

    @property
    def closing(self) -> str:
        """The delimiter that ends the reasoning."""
        assert self.sampler.thinking is not None
        return self.sampler.thinking[1]

    def prompt(self, task: Task) -> str:
        """Gives the raw text in front of a trace's reasoning."""
        return rendered(task, self.sampler, self.sampler.settings.prompts)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rollout begins."""

    task_id: str
    parent: str
    """The trace that is revised."""
    start: int
    """Which of its independent searches it belongs to."""
    switch: int
    """Number of the thought that is kept last."""
    prefix: str
    """The raw text in front of the rollout."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of requests, those answered from the journal included."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens that the engine took from its prefix cache, of the requests that it told it for."""
    told_tokens: int = 0
    """Prompt tokens of those requests; 0 where the engine tells nothing."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.told_tokens + other.told_tokens,
        )


NOTHING = Spent()


async def ask(
    place: Place,
    prompt: str,
    index: int,
    phase: tuple[str, int],
    stop: tuple[str, ...],
    banned: tuple[str, ...],
    used: int,
    reviser: Reviser,
) -> tuple[Completion, Spent]:
    """Gives one completion, from the journal where it has it, else from the teacher and journalled first.

    The text of one that ended at a blank line keeps it: that is how its reader knows. `used` are tokens that the
    rollout has taken already.
    """
    sampler, settings = reviser.sampler, reviser.settings
    limit = settings.max_tokens - used
    params = canonical_json(
        {
            "parent": place.parent,
            "start": place.start,
            "switch": place.switch,
            "phase": phase[0],
            "draw": phase[1],
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "stop": list(stop),
            "banned": list(banned),
        }
    )
    request = Request(
        prompt=prompt,
        max_tokens=limit,
        temperature=settings.temperature,
        top_p=settings.top_p,
        stop=stop,
        banned=banned,
        redraw=False,  # each draw is to be journalled
        seed=seed_for(sampler.seed, STAGE, [place.parent, place.start, place.switch, index, *phase]),
    )
    completion, reply = await asking.ask(
        sampler, request, params, task_id=place.task_id, stage=STAGE, sample=index, stops_kept=(BLANK,)
    )
    cached = reply.cached_tokens if reply else None
    told = (0, 0) if cached is None else (cached, completion.prompt_tokens)
    return completion, Spent(completion.prompt_tokens, completion.completion_tokens, *told)
