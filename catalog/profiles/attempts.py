"""What every profile chooses from: a task with all that was tried on it, read shard by shard."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from catalog.errors import ConservationError
from catalog.ids import digest
from catalog.records import Pair, Task, Trace, Verdict
from catalog.store import Build

DROPPING_STAGES = ("rft", "dedup", "decontaminate")
"""Stages whose rejects take rows that already stand in a shard out of every profile."""

UNVERIFIED = "unverified"
"""The verdict of a trace that no verifier has judged."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A trace and what its verifier says of it."""

    trace: Trace
    judged: Verdict | None
    outputs: tuple[tuple[int, int], ...] = ()
    """Where tool output stands in its thinking, in its answer where it has none: first character, behind the last."""
    reward: float | None = None
    """Its reward, where the stage `hint` gave one."""

    @property
    def verdict(self) -> str:
        return self.judged.verdict if self.judged else UNVERIFIED


@dataclass(frozen=True, slots=True)
class TaskAttempts:
    """A task that no stage dropped."""

    task: Task
    attempts: tuple[Attempt, ...]
    """Its traces that no stage dropped, by sample index."""
    correct: int
    """Sampled traces that were verified right, dropped ones too: a duplicate answer is still an answer."""
    wrong: int
    """Sampled traces that were verified wrong, dropped ones too."""
    pairs: tuple[Pair, ...] = ()
    """What revisions of its traces have shown to be better and worse."""


class DroppedRows:
    """The ids that an earlier stage dropped, 16 bytes each."""

    def __init__(self, ids: Iterable[str]):
        packed = bytearray()
        for row_id in ids:
            packed += _pack(row_id)
        self._sorted = np.sort(np.frombuffer(packed, dtype="S16"))

    @staticmethod
    def of(build: Build) -> "DroppedRows":
        rejects = (row for stage in DROPPING_STAGES for row in build.iter_rows("rejects", prefix=f"{stage}-"))
        return DroppedRows(row.row_id for row in rejects if row.stage in DROPPING_STAGES)

    def __contains__(self, row_id: str) -> bool:
        key = np.bytes_(_pack(row_id))
        at = int(np.searchsorted(self._sorted, key))
        return at < len(self._sorted) and bool(self._sorted[at] == key)


def _pack(row_id: str) -> bytes:
    # Numpy's byte strings end at the last non-zero byte; a set lowest bit keeps all sixteen significant.
    packed = bytearray.fromhex(digest(row_id))
    packed[-1] |= 1
    return bytes(packed)


def read_shard(build: Build, part: str, dropped: DroppedRows) -> Iterator[TaskAttempts]:
    """Gives the tasks of one shard that no stage dropped, in the order of their file, with their traces.

    The order of rows in the trace and verdict files does not matter. Of several verdicts on one trace the one by the
    newest version of the verifier counts. Raises ConservationError for a trace of a task that the shard does not hold.
    """
    tasks: list[Task] = build.read("tasks", part)
    verdicts: dict[str, Verdict] = {}
    for verdict in build.read("verdicts", part) if build.has("verdicts", part) else []:
        other = verdicts.get(verdict.trace_id)
        if other is None or (verdict.version, verdict.verdict) > (other.version, other.verdict):
            verdicts[verdict.trace_id] = verdict
    by_task: dict[str, list[Attempt]] = {task.task_id: [] for task in tasks}
    spans: dict[str, list[tuple[int, int]]] = {}
    for call in build.read("tool_calls", part) if build.has("tool_calls", part) else []:
        spans.setdefault(call.trace_id, []).append((call.start, call.end))
    rewarded = build.read("rewards", part) if build.has("rewards", part) else []
    rewards = {one.trace_id: one.reward for one in rewarded}
    for trace in build.read("traces", part) if build.has("traces", part) else []:
        if trace.task_id not in by_task:
            raise ConservationError(
                f"shard {part}: trace {trace.trace_id} attempts task {trace.task_id}, which the shard does not hold"
            )
        outputs = tuple(sorted(spans.get(trace.trace_id, ())))
        attempt = Attempt(trace, verdicts.get(trace.trace_id), outputs, rewards.get(trace.trace_id))
        by_task[trace.task_id].append(attempt)
    pairs: dict[str, list[Pair]] = {}
    for pair in build.read("pairs", part) if build.has("pairs", part) else []:
        pairs.setdefault(pair.task_id, []).append(pair)
    for task in tasks:
        attempts = by_task.pop(task.task_id, None)  # a task that stands twice in a file counts once
        if attempts is None or task.task_id in dropped:
            continue
        attempts.sort(key=lambda a: (a.trace.sample, a.trace.origin, a.trace.trace_id))
        sampled = [a.verdict for a in attempts if a.trace.origin == "sampled"]
        yield TaskAttempts(
            task,
            tuple(a for a in attempts if a.trace.trace_id not in dropped),
            sampled.count("correct"),
            sampled.count("wrong"),
            tuple(pair for pair in pairs.get(task.task_id, ()) if pair.parent not in dropped),
        )
