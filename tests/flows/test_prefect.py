"""The build as a Prefect flow, with its private server as a real process."""

import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from catalog import connect
from tests.flows.conftest import command, reasonmill


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with a Prefect history of its own."""
    return tmp_path_factory.mktemp("cache")


def _processes_with(cache: Path) -> list[str]:
    """Command lines of the processes whose environment names this cache folder."""
    mark = f"REASONMILL_CACHE={cache}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def _states(cache: Path) -> list[str]:
    with sqlite3.connect(cache / "prefect" / "prefect.db") as con:
        return sorted(state for (state,) in con.execute("select state_type from flow_run"))


def _most_task_runs(cache: Path) -> int:
    with sqlite3.connect(cache / "prefect" / "prefect.db") as con:
        return con.execute("select max(n) from (select count(*) n from task_run group by flow_run_id)").fetchone()[0]


@pytest.mark.timeout(600)
def test_a_killed_flow_leaves_no_process_and_no_running_run_and_resumes(teacher, recipe, tmp_path, cache) -> None:
    url = teacher.start("--delay-ms", "30").url
    # Many small shards: Prefect still gets at most 200 task runs.
    path, store = recipe(url, count=400, n=1, shard_size=1), tmp_path / "store"
    environment = {**os.environ, "REASONMILL_CACHE": str(cache)}
    running = subprocess.Popen(
        command("build", path, "--store", store, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
    )
    while len(teacher.answered()) < 60 and running.poll() is None:
        time.sleep(0.02)
    assert running.poll() is None, running.stdout.read()  # type: ignore[union-attr]
    running.send_signal(signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 10
    while _processes_with(cache) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes_with(cache) == []
    assert _states(cache) == ["RUNNING"]  # nobody was left to say otherwise

    done = reasonmill("build", path, "--store", store, "--json", timeout=300, REASONMILL_CACHE=str(cache))
    assert done.code == 0, done.err
    assert sum(done.json["verdicts"].values()) == 400
    assert _states(cache) == ["COMPLETED", "CRASHED"]
    assert 1 < _most_task_runs(cache) <= 200
    assert len(teacher.answered()) <= 400 + 8  # the concurrency: those in flight at the kill
    assert _processes_with(cache) == []


def test_ctrl_c_says_one_sentence(teacher, recipe, tmp_path, cache) -> None:
    path, store = recipe(teacher.start("--delay-ms", "100").url), tmp_path / "store"
    running = subprocess.Popen(
        command("build", path, "--store", store),
        stderr=subprocess.PIPE,
        env={**os.environ, "REASONMILL_CACHE": str(cache)},
        text=True,
        start_new_session=True,
    )
    while len(teacher.answered()) < 10:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 3
    said = [line for line in err.replace("\r", "\n").splitlines() if line and not line.startswith("tested: ")]
    assert said[-1] == "reasonmill: Stopped. The same command goes on from here."
    assert all(line.startswith("starting the orchestrator") for line in said[:-1])
    assert _processes_with(cache) == []


@pytest.mark.timeout(600)
def test_a_schedule_builds_and_ends_cleanly(teacher, recipe, tmp_path, cache) -> None:
    path, store = recipe(teacher.start().url, count=16), tmp_path / "store"
    serving = subprocess.Popen(
        command("schedule", path, "--cron", "* * * * *", "--store", store),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "REASONMILL_CACHE": str(cache)},
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 180
        status = None
        while status != [("complete",)] and time.monotonic() < deadline and serving.poll() is None:
            time.sleep(0.5)
            if (store / "builds" / "tested").exists():
                with connect(str(store)) as con:
                    status = con.execute("select status from builds").fetchall()
        assert status == [("complete",)]
    finally:
        os.killpg(serving.pid, signal.SIGINT)
        out, _ = serving.communicate(timeout=60)
    assert serving.returncode == 3
    assert "Traceback" not in out
    deadline = time.monotonic() + 10
    while _processes_with(cache) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes_with(cache) == []


def test_a_wrong_cron_expression_is_told(teacher, recipe, tmp_path, cache) -> None:
    path = recipe(teacher.start().url)
    told = reasonmill("schedule", path, "--cron", "often", "--store", tmp_path / "store", REASONMILL_CACHE=str(cache))
    assert told.code == 2
    assert "no cron expression" in told.err
