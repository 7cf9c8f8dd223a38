"""The build, from tasks to the exported dataset, as plain functions over a store.

It knows nothing of Prefect: flows.build_flow runs the same functions as Prefect tasks.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from catalog import ledger
from catalog.errors import Stopped, UserError
from catalog.records import Reject, StageCount, Task, Trace
from catalog.store import Build
from flows.electing import with_references
from flows.hinting import hint_shard, hinted_traces
from flows.judging import judge
from flows.loading import Resolved
from flows.revising import revise_shard
from flows.workbench import Workbench
from generators.cort.rft import over_difficulty, rft
from generators.settings import HintSettings

SHARD_THREADS = 4
"""Shards side by side: two at the teacher, one being verified, one being written. Slots bound the requests."""

REJECTS_PER_PART = 10_000
"""Rejects of a stage over the whole build that are held before they are written."""


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What became of one shard."""

    shard: int
    pending: int
    """Rows still owed; the shard is finished when there are none."""
    causes: tuple[str, ...] = ()


def write_tasks(resolved: Resolved, build: Build) -> list[int]:
    """Writes the recipe's tasks in shards, unless they stand already, and gives the shards' numbers.

    Tasks are streamed: one shard is in memory at a time, plus 16 bytes a task to recognise a repeated one. The part
    `tasks` of the stage counts is written last: the sign that all tasks stand.
    """
    if build.has("stages", "tasks"):
        return _shards(build)
    for kind in ("tasks", "rejects", "stages"):
        for part in build.parts(kind):
            if kind == "tasks" or part.startswith("tasks-"):
                build.remove(kind, part)
    rows = distinct_tasks(resolved)
    shards = found = 0
    while batch := list(islice(rows, resolved.recipe.shard_size)):
        started = time.monotonic()
        tasks = [row for row in batch if isinstance(row, Task)]
        rejects = [row for row in batch if isinstance(row, Reject)]
        counted = ledger.count(
            "tasks",
            shards,
            "input",
            rows_in=len(batch),
            rows_out=len(tasks),
            rejects=len(rejects),
            seconds=time.monotonic() - started,
        )
        build.write("tasks", f"{shards:05d}", tasks)
        build.write("rejects", f"tasks-{shards:05d}", rejects)
        build.write("stages", f"tasks-{shards:05d}", [counted])
        shards += 1
        found += len(tasks)
    if not found:
        raise UserError(
            f'{resolved.path}: its task sections give no task at all; `reasonmill sql "select row_id, reason, detail '
            f"from rejects where build = '{build.name}'\"` shows why each row was refused."
        )
    build.write("stages", "tasks", [])
    return _shards(build)


def _shards(build: Build) -> list[int]:
    return [int(part) for part in build.parts("tasks")]


def distinct_tasks(resolved: Resolved) -> Iterator[Task | Reject]:
    """Gives a recipe's tasks, and a reject for each row that is none; streaming.

    The second and later copies of one task are rejects, too: they would pay twice for the same samples.
    """
    seen: set[bytes] = set()
    for row in _generated(resolved):
        if isinstance(row, Task):
            mark = bytes.fromhex(row.task_id[1:])
            if mark in seen:
                yield _repeated(row)
                continue
            seen.add(mark)
        yield row


def _generated(resolved: Resolved) -> Iterator[Task | Reject]:
    from generators.tasks import generate

    for index, section in enumerate(resolved.recipe.tasks):
        yield from generate(section, resolved.recipe.seed, index, resolved.base)


def _repeated(task: Task) -> Reject:
    return Reject(
        row_id=task.task_id,
        row_kind="task",
        stage="tasks",
        reason="repeated",
        detail=f"{task.source} is the same task as one before it",
        twin=task.task_id,
        score=1.0,
        evidence="{}",
    )


def run_shard(bench: Workbench, build: Build, shard: int) -> ShardResult:
    """Takes one shard from tasks to verdicts; a finished shard is left alone.

    The count of the shard is written last: it is the sign that the shard is finished. Rows that are owed (the teacher
    failed for now, a budget, a verifier without workers) leave the shard unfinished and what came of it readable.
    """
    part = f"{shard:05d}"
    if build.has("stages", part):
        return ShardResult(shard, 0)
    if bench.stopped:
        raise Stopped(f"The build stopped before shard {shard}.")
    tasks: list[Task] = build.read("tasks", part)
    started = time.monotonic()
    sampled = bench.sample(tasks)
    sampling = time.monotonic() - started

    started = time.monotonic()
    decided = with_references(tasks, sampled.traces, bench.pool.judge_many)
    if decided != tasks:
        build.write("tasks", part, decided)
        tasks = decided
    verdicts = judge(bench, tasks, sampled.traces)
    unjudged = sum(verdict.verdict == "infrastructure" for verdict in verdicts)
    verifying = time.monotonic() - started

    prompt_tokens = sum({trace.task_id: trace.prompt_tokens for trace in sampled.traces}.values())
    counts = [
        ledger.count(
            "sample",
            shard,
            "sample",
            rows_in=len(tasks) * bench.sampler.settings.n,
            rows_out=len(sampled.traces),
            rejects=len(sampled.rejects),
            pending=sampled.pending,
            prompt_tokens=prompt_tokens,
            completion_tokens=sum(trace.completion_tokens for trace in sampled.traces),
            seconds=sampling,
        ),
        ledger.count(
            "verify",
            shard,
            "trace",
            rows_in=len(sampled.traces),
            rows_out=len(verdicts) - unjudged,
            rejects=0,
            pending=unjudged,
            seconds=verifying,
        ),
    ]
    traces, rejects, causes = sampled.traces, sampled.rejects, [*sampled.causes]
    if bench.reviser is not None and not bench.stopped:
        revised = revise_shard(bench, shard, tasks, traces, verdicts)
        counts.append(revised.count)
        started = time.monotonic()
        again = judge(bench, tasks, revised.traces)
        unheard = sum(verdict.verdict == "infrastructure" for verdict in again)
        counts.append(
            ledger.count(
                "verify",
                shard,
                "revision",
                rows_in=len(again),
                rows_out=len(again) - unheard,
                rejects=0,
                pending=unheard,
                seconds=time.monotonic() - started,
            )
        )
        build.write("revisions", part, revised.revisions)
        build.write("pairs", part, revised.pairs)
        traces, verdicts = _by_task(tasks, traces + revised.traces), verdicts + again
        rejects, causes = rejects + revised.rejects, causes + revised.causes
    if bench.kit is not None and not bench.stopped:
        hinted = hint_shard(bench, shard, tasks, traces, verdicts)
        for kind in ("hintings", "tool_calls", "hints", "rewards"):
            build.write(kind, part, getattr(hinted, kind))
        counts += hinted.counts
        traces, verdicts = _by_task(tasks, traces + hinted.traces), verdicts + hinted.verdicts
        rejects, causes = rejects + hinted.rejects, causes + hinted.causes
    build.write("traces", part, traces)
    build.write("verdicts", part, verdicts)
    build.write("rejects", part, rejects)
    pending = sum(count.pending for count in counts)
    if not pending:
        build.write("stages", part, counts)
    if any(count.stage == "verify" and count.pending for count in counts):
        causes.append("a verifier had no worker to run on")
    return ShardResult(shard, pending, tuple(sorted(set(causes))))


def _by_task(tasks: Sequence[Task], traces: Sequence[Trace]) -> list[Trace]:
    """Gives traces in the order of their tasks: stages over the whole build read them task by task."""
    order = {task.task_id: number for number, task in enumerate(tasks)}
    return sorted(traces, key=lambda trace: order[trace.task_id])


def run_shards(bench: Workbench, build: Build, shards: Sequence[int], done: Callable[[ShardResult], None]) -> None:
    """Runs shards side by side in threads and tells of each that ends.

    The first failure, and Ctrl-C, stop the rest: what was answered by then is journalled.
    """
    owed = iter(shards)
    with ThreadPoolExecutor(SHARD_THREADS, thread_name_prefix="shard") as threads:
        try:
            running = {threads.submit(run_shard, bench, build, shard) for shard in islice(owed, SHARD_THREADS)}
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    done(future.result())
                running |= {threads.submit(run_shard, bench, build, shard) for shard in islice(owed, len(ended))}
        except BaseException:
            bench.stop()
            raise


def remaining(build: Build, shards: Sequence[int]) -> list[int]:
    """Gives the shards that are not finished."""
    finished = set(build.parts("stages"))
    return [shard for shard in shards if f"{shard:05d}" not in finished]


def drop_duplicates(resolved: Resolved, build: Build) -> None:
    """Writes a reject for every duplicate task, its traces, and every duplicate trace; rows themselves stay."""
    from dedup.stage import run

    if build.has("stages", "dedup"):
        return
    counts: list[StageCount] = []
    rejects: list[Reject] = []
    part = 0
    # A trace that is out already must not be the one that stands for its duplicates.
    unfit = {reject.row_id for reject in build.iter_rows("rejects", prefix="rft-")}
    traces = (trace for trace in build.iter_rows("traces") if trace.trace_id not in unfit)
    for row in run(build.iter_rows("tasks"), traces, resolved.recipe.dedup):
        if isinstance(row, StageCount):
            counts.append(row)
            continue
        rejects.append(row)
        if len(rejects) == REJECTS_PER_PART:
            build.write("rejects", f"dedup-{part:05d}", rejects)
            rejects, part = [], part + 1
    if rejects:
        build.write("rejects", f"dedup-{part:05d}", rejects)
    build.write("stages", "dedup", counts)


def drop_unfit(settings: HintSettings, build: Build) -> None:
    """Writes a reject for every right trace with code that is not fit to train on (CoRT's filter); rows stay."""
    if build.has("stages", "rft"):
        return
    started = time.monotonic()
    rejects: list[Reject] = []
    kept: list[tuple[str, float | None]] = []
    seen = 0
    for part in build.parts("hintings"):
        of_shard = hinted_traces(build, part)
        found = rft(of_shard)
        seen += len(of_shard)
        rejects += found.rejects
        level = {task.task_id: task.difficulty for task, _ in of_shard}
        kept += [(one.hinted.trace.trace_id, level[one.hinted.trace.task_id]) for one in found.kept]
    rejects += over_difficulty(kept, settings.per_difficulty)
    for number in range(0, len(rejects), REJECTS_PER_PART):
        build.write("rejects", f"rft-{number // REJECTS_PER_PART:05d}", rejects[number : number + REJECTS_PER_PART])
    counted = ledger.count(
        "rft",
        -1,
        "trace",
        rows_in=seen,
        rows_out=seen - len(rejects),
        rejects=len(rejects),
        seconds=time.monotonic() - started,
    )
    build.write("stages", "rft", [counted])
