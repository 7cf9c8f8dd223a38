"""Shards as Prefect tasks on this process's threads, several shards a task where there are many."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import get_run_context
from prefect.futures import as_completed

from catalog.errors import Unfinished
from catalog.store import Build
from flows.driver import ShardResult, run_shard
from flows.workbench import Workbench

MOST = 150
"""With the tasks of the other stages and three retries of a few, a build stays under 200 task runs."""

OPTIONS: dict[str, Any] = {
    "name": "shards",
    "task_run_name": "shards {first} to {last}",
    "retries": 2,
    "retry_delay_seconds": [5, 30],
    "retry_condition_fn": lambda _task, _run, state: isinstance(state.result(raise_on_failure=False), Unfinished),
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""Of a task that runs shards `first` to `last`: rows that are owed are asked for again, twice."""


def run(bench: Workbench, build: Build, shards: list[int], done: Callable[[ShardResult], None]) -> None:
    """Runs shards as tasks and tells of each that ends; the first failure, and Ctrl-C, stop the rest."""

    @task(**OPTIONS)
    def group(first: int, last: int) -> list[ShardResult]:
        return finished([run_shard(bench, build, shard) for shard in shards if first <= shard <= last], bench)

    futures = [group.submit(some[0], some[-1]) for some in grouped(shards, 1)]
    try:
        for future in as_completed(futures):
            for result in future.result():
                done(result)
    except BaseException:
        bench.stop()
        raise


def grouped(shards: Sequence[int], at_least: int) -> list[list[int]]:
    """Gives the shards in at most MOST groups of `at_least` so many, the last one excepted."""
    size = max(at_least, ceil(len(shards) / MOST))
    return [list(shards[i : i + size]) for i in range(0, len(shards), size)]


def finished(results: list[ShardResult], bench: Workbench) -> list[ShardResult]:
    """Gives a task's results; raises Unfinished where rows are owed that the task is to try again."""
    owed = [result for result in results if result.pending]
    last_try = get_run_context().task_run.run_count > 2  # type: ignore[union-attr]
    if owed and not last_try and not bench.stopped and not bench.meter.reached():
        raise Unfinished("; ".join(cause for result in owed for cause in result.causes))
    return results
