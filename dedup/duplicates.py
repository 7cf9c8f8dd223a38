"""Which tasks and traces are there twice: one pass, in order, the first of each is kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from catalog.ids import canonical_json
from catalog.records import Reject, Task, Trace
from dedup.exact import digest, normalise, text_key
from dedup.semantic import Neighbour, Semantic, excerpt_of
from dedup.settings import DedupSettings
from dedup.structural import structure_key

BLOCK = 512
"""Tasks that are compared at once; only their texts are held."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row that is there twice, and the kept row whose duplicate it is."""

    row_id: str
    twin: str
    """Id of a row that is kept: never of another duplicate."""
    reason: str
    """`exact`, `structural` or `semantic` of a task; `exact_trace` or `duplicate_task` of a trace."""
    score: float
    """Similarity in [0, 1]: 1 but for semantic duplicates, whose cosine it is."""
    evidence: dict[str, Any]


def judge_tasks(tasks: Iterable[Task], settings: DedupSettings) -> Iterator[tuple[str, Duplicate | None]]:
    """Gives the id of each task, in order, with None where it is kept and with its duplicate where it is not.

    Compares by normalised text, by structural key, and by meaning where the recipe asks for it and the task has no
    structural key. Holds 16 bytes a key and the ids, for semantic duplicates also excerpts and vectors of kept tasks.
    A text or key found in a dropped task leads to the task that was kept for it. Two rows under one id are one task and
    not judged: to drop one by its id would drop both.
    """
    first: dict[bytes, str] = {}
    dropped: dict[str, Duplicate] = {}
    semantic = Semantic(settings.semantic) if settings.semantic else None
    stream = iter(tasks)
    while block := list(islice(stream, BLOCK)):
        bearers = [_first_bearer(task, settings, first) for task in block]
        asked = [
            task
            for task, bearer in zip(block, bearers, strict=True)
            if bearer is None and task.structure is None and semantic
        ]
        neighbours = iter(semantic.neighbours(asked)) if semantic else iter(())
        for task, bearer in zip(block, bearers, strict=True):
            duplicate = None
            if bearer is not None:
                duplicate = _same_key(task, *bearer, dropped)
            elif semantic and task.structure is None:
                neighbour = next(neighbours)
                duplicate = _same_meaning(task, neighbour) if neighbour else None
            if duplicate is not None and duplicate.twin == task.task_id:
                duplicate = None
            if duplicate is not None:
                dropped[task.task_id] = duplicate
            yield task.task_id, duplicate


def find_duplicate_tasks(tasks: Iterable[Task], settings: DedupSettings) -> Iterator[Duplicate]:
    """Gives the duplicates among tasks, in their order, as they are found."""
    return (duplicate for _, duplicate in judge_tasks(tasks, settings) if duplicate is not None)


def duplicate_tasks(tasks: Iterable[Task], settings: DedupSettings) -> list[Duplicate]:
    """Gives the duplicates among tasks, in their order."""
    return list(find_duplicate_tasks(tasks, settings))


def duplicate_traces(traces_of_one_task: Sequence[Trace]) -> list[Duplicate]:
    """Gives the traces of one task whose thinking and answer are, normalised, those of an earlier one."""
    first: dict[bytes, str] = {}
    duplicates = []
    for trace in traces_of_one_task:
        twin = first.setdefault(digest(normalise(trace.thinking), normalise(trace.answer)), trace.trace_id)
        if twin != trace.trace_id:
            evidence = {"text": excerpt_of(trace.thinking or trace.answer)}
            duplicates.append(Duplicate(trace.trace_id, twin, "exact_trace", 1.0, evidence))
    return duplicates


def as_reject(duplicate: Duplicate, kind: str) -> Reject:
    """Gives a duplicate's line in the ledger of rejects; `kind` is `task` or `trace`."""
    return Reject(
        row_id=duplicate.row_id,
        row_kind=kind,
        stage="dedup",
        reason=duplicate.reason,
        detail=_DETAILS[duplicate.reason],
        twin=duplicate.twin,
        score=duplicate.score,
        evidence=canonical_json(duplicate.evidence),
    )


_DETAILS = {
    "exact": "the same text as the twin, but for noise",
    "structural": "the same structure as the twin, but for wording or naming",
    "semantic": "asks the same as the twin in other words",
    "exact_trace": "the same thinking and answer as the twin, but for noise",
    "duplicate_task": "its task is a duplicate of the twin",
}


def _first_bearer(task: Task, settings: DedupSettings, first: dict[bytes, str]) -> tuple[str, str] | None:
    """Gives the reason and the first task for a key that this one shares, and notes this one's other keys."""
    keys: list[tuple[str, bytes]] = []
    if settings.exact:
        keys.append(("exact", text_key(task.prompt)))
    if settings.structural and (key := structure_key(task)) is not None:
        keys.append(("structural", key))
    shared = next(((reason, first[key]) for reason, key in keys if key in first), None)
    for _, key in keys:
        first.setdefault(key, task.task_id)
    return shared


def _same_key(task: Task, reason: str, bearer: str, dropped: dict[str, Duplicate]) -> Duplicate:
    evidence: dict[str, Any] = {"text": excerpt_of(task.prompt)}
    if reason == "structural":
        evidence["structure"] = excerpt_of(task.structure or "")
    origin = dropped.get(bearer)
    if origin is None:
        return Duplicate(task.task_id, bearer, reason, 1.0, evidence)
    return Duplicate(task.task_id, origin.twin, origin.reason, origin.score, {**evidence, f"{reason}_of": bearer})


def _same_meaning(task: Task, neighbour: Neighbour) -> Duplicate:
    evidence: dict[str, Any] = {
        "text": excerpt_of(task.prompt),
        "twin_text": neighbour.excerpt,
        "cosine": round(neighbour.cosine, 4),
    }
    if neighbour.numbers is not None:
        evidence["numbers"] = list(neighbour.numbers[:50])
    return Duplicate(task.task_id, neighbour.task_id, "semantic", neighbour.cosine, evidence)
