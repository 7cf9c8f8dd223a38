"""The build as a Prefect flow: a thin shell around flows.session that adds retries, a schedule and a dashboard.

Nothing but references passes through Prefect, and at most 200 task runs a build, whatever the number of rows.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import psutil
from prefect import flow, get_client, tags, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType, FlowRunFilterTags
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed
from prefect.task_runners import ThreadPoolTaskRunner

from catalog.errors import UserError
from catalog.store import Store
from flows import on_ray, shard_tasks
from flows.driver import SHARD_THREADS
from flows.loading import load
from flows.report import Summary, as_markdown, from_dict, summarise
from flows.session import open_session

_TAG = "reasonmill"

_RUNNER: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=SHARD_THREADS)


@flow(
    name="reasonmill-build",
    flow_run_name="{recipe}",
    task_runner=_RUNNER,  # type: ignore[arg-type]  # its stub wants an invariant future
    persist_result=False,
    validate_parameters=False,
)
def build_flow(
    recipe: str, store: str, overrides: tuple[str, ...] = (), fresh: bool = False, ray: bool = False
) -> dict[str, Any]:
    """Builds the recipe at path `recipe` in `store` and gives the summary of the finished build.

    `ray`: this flow's task runner is Ray's, so shards run on its workers.
    """
    resolved = load(recipe, overrides)
    opened = Store.open(store)
    with open_session(resolved, opened, fresh) as session:
        session.run(on_ray.runner(resolved) if ray else shard_tasks.run)
        if resolved.recipe.hint is not None:
            _step("rft", session.filter_hinted)
        _step("dedup", session.dedup)
        _step("audit", session.audit)
        _step("export", session.export)
        summary = summarise(session.build)
    create_markdown_artifact(as_markdown(summary), key=f"build-{session.build.version}", description=session.build.name)
    return asdict(summary)


def run(recipe: str, store: str, overrides: tuple[str, ...], fresh: bool, ray: str | None) -> Summary:
    """Runs the flow in this process against the Prefect API of the environment; `ray`: a cluster's address."""
    close_dead_runs()
    this = build_flow.with_options(task_runner=on_ray.task_runner(ray)) if ray else build_flow
    try:
        with tags(_TAG, _process_tag()):
            return from_dict(this(recipe=recipe, store=store, overrides=overrides, fresh=fresh, ray=bool(ray)))
    except ConnectionError as error:
        if ray is None:
            raise
        raise UserError(
            f"The Ray cluster at {ray} takes no work ({error}): `ray status` there says how it is, and a cluster with "
            "a token wants RAY_AUTH_MODE=token and the token here."
        ) from None


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
