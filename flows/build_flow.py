"""The build as a Prefect flow: a thin shell around flows.session that adds retries, a schedule and a dashboard.

Nothing but references passes through Prefect, and at most 200 task runs a build, whatever the number of rows.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from math import ceil
from typing import Any

import psutil
from prefect import flow, get_client, tags, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType, FlowRunFilterTags
from prefect.client.schemas.objects import StateType
from prefect.context import get_run_context
from prefect.futures import as_completed
from prefect.states import Crashed
from prefect.task_runners import ThreadPoolTaskRunner

from catalog.errors import Unfinished
from catalog.store import Build, Store
from flows.driver import SHARD_THREADS, ShardResult, run_shard
from flows.loading import load
from flows.report import Summary, as_markdown, from_dict, summarise
from flows.session import open_session
from flows.workbench import Workbench

MOST_SHARD_TASKS = 150
"""With the tasks of the other stages and three retries of a few, a build stays under 200 task runs."""

_TAG = "reasonmill"

_RUNNER: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=SHARD_THREADS)


@flow(
    name="reasonmill-build",
    flow_run_name="{recipe}",
    task_runner=_RUNNER,  # type: ignore[arg-type]  # its stub wants an invariant future
    persist_result=False,
    validate_parameters=False,
)
def build_flow(recipe: str, store: str, overrides: tuple[str, ...] = (), fresh: bool = False) -> dict[str, Any]:
    """Builds the recipe at path `recipe` in `store` and gives the summary of the finished build."""
    resolved = load(recipe, overrides)
    opened = Store.open(store)
    with open_session(resolved, opened, fresh) as session:
        session.run(_prefect_runner)
        if resolved.recipe.hint is not None:
            _step("rft", session.filter_hinted)
        _step("dedup", session.dedup)
        _step("audit", session.audit)
        _step("export", session.export)
        summary = summarise(session.build)
    create_markdown_artifact(as_markdown(summary), key=f"build-{session.build.version}", description=session.build.name)
    return asdict(summary)


def run(recipe: str, store: str, overrides: tuple[str, ...], fresh: bool) -> Summary:
    """Runs the flow in this process against the Prefect API of the environment."""
    close_dead_runs()
    with tags(_TAG, _process_tag()):
        return from_dict(build_flow(recipe=recipe, store=store, overrides=overrides, fresh=fresh))


def _process_tag() -> str:
    me = psutil.Process(os.getpid())
    return f"{socket.gethostname()}/{me.pid}/{me.create_time():.2f}"


def close_dead_runs() -> None:
    """Marks as crashed the runs whose process on this machine is gone: kill -9 leaves them Running for ever."""
    alive = {f"{process.pid}/{process.create_time():.2f}" for process in psutil.process_iter(["pid", "create_time"])}
    running = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[_TAG]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])),
    )
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=running):
            marks = [tag.partition("/")[2] for tag in run.tags if tag.startswith(socket.gethostname() + "/")]
            if marks and marks[0] not in alive:
                client.set_flow_run_state(run.id, Crashed(message="The process is gone."), force=True)


def _step(name: str, function: Callable[[], None]) -> None:
    @task(name=name, cache_policy=NO_CACHE, persist_result=False)
    def step() -> None:
        function()

    step()


def _prefect_runner(bench: Workbench, build: Build, shards: list[int], done: Callable[[ShardResult], None]) -> None:
    """Runs shards as Prefect tasks, several shards a task where there are many; owed rows are retried twice."""
    size = ceil(len(shards) / MOST_SHARD_TASKS)
    groups = [shards[i : i + size] for i in range(0, len(shards), size)]

    @task(
        name="shards",
        task_run_name="shards {first} to {last}",
        retries=2,
        retry_delay_seconds=[5, 30],
        retry_condition_fn=lambda _task, _run, state: isinstance(state.result(raise_on_failure=False), Unfinished),
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def shard_group(first: int, last: int) -> list[ShardResult]:
        results = [run_shard(bench, build, shard) for shard in shards if first <= shard <= last]
        owed = [result for result in results if result.pending]
        last_try = get_run_context().task_run.run_count > 2  # type: ignore[union-attr]
        if owed and not last_try and not bench.stopped and not bench.meter.reached():
            raise Unfinished("; ".join(cause for result in owed for cause in result.causes))
        return results

    futures = [shard_group.submit(group[0], group[-1]) for group in groups]
    try:
        for future in as_completed(futures):
            for result in future.result():
                done(result)
    except BaseException:
        bench.stop()
        raise
