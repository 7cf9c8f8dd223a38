"""Shards on the workers of a Ray cluster: the same driver, a workbench in each task, the store between them.

Only references travel: the recipe, the store's address and the numbers of shards. What a worker pays for is in the
store's journal before anything else happens to it, in a segment of its own, as on one machine.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import task
from prefect.futures import as_completed

from catalog.store import Build, Store
from flows.clusters import LOCAL
from flows.driver import SHARD_THREADS, ShardResult, run_shards
from flows.loading import Resolved
from flows.progress import Progress
from flows.session import Runner
from flows.shard_tasks import OPTIONS, finished, grouped
from flows.workbench import Workbench, open_workbench


def task_runner(address: str) -> Any:
    """Gives Prefect's task runner for a cluster's address."""
    from prefect_ray import RayTaskRunner

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        return RayTaskRunner(init_kwargs={"include_dashboard": False, **quiet})
    return RayTaskRunner(address=address, init_kwargs=quiet)


def runner(resolved: Resolved) -> Runner:
    """Gives what runs a recipe's shards on Ray, in tasks of a few shards each."""

    def run(bench: Workbench, build: Build, shards: list[int], done: Callable[[ShardResult], None]) -> None:
        url = build.store.url if "://" in build.store.url else str(Path(build.store.url).resolve())
        futures = [group.submit(some[0], some[-1], some, resolved, url) for some in grouped(shards, SHARD_THREADS)]
        for future in as_completed(futures):
            for result in future.result():
                _count(bench.progress, build, result)
                done(result)

    return run


@task(**OPTIONS)
def group(first: int, last: int, shards: list[int], resolved: Resolved, store: str) -> list[ShardResult]:
    """Runs some shards in a worker of the cluster."""
    opened = Store.open(store)
    build = opened.build(resolved.recipe.name, resolved.version)
    results: list[ShardResult] = []
    with open_workbench(resolved, opened, Progress(0, lambda status, done, total: None)) as bench:
        run_shards(bench, build, shards, results.append)
        return finished(results, bench)


def _count(progress: Progress, build: Build, result: ShardResult) -> None:
    if not result.pending:
        for count in build.read("stages", f"{result.shard:05d}"):
            if count.stage == "sample":
                progress.advance(count.rows_in, count.completion_tokens)
