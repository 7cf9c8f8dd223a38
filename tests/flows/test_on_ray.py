"""Builds whose shards run on the workers of a real Ray, started for the test."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.flows.conftest import command, dataset_bytes, reasonmill

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with a Prefect history of its own."""
    return tmp_path_factory.mktemp("cache")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_ray_builds_the_same_bytes_as_one_process(teacher, recipe, tmp_path, cache) -> None:
    path = recipe(teacher.start().url, count=120, n=2, shard_size=5)
    one = reasonmill("build", path, "--store", tmp_path / "one", "--plain", "--json")
    many = reasonmill(
        "build",
        path,
        "--store",
        tmp_path / "many",
        "--ray",
        "local",
        "--json",
        timeout=300,
        REASONMILL_CACHE=str(cache),
    )
    assert one.code == many.code == 0, many.err
    assert many.json["verdicts"] == one.json["verdicts"]
    assert dataset_bytes(many.json["path"]) == dataset_bytes(one.json["path"])
    segments = (tmp_path / "many" / "journal").glob("2*.jsonl")
    assert len({part.name.split("-")[1] for part in segments}) > 1, "one process has done all"


def test_a_killed_build_leaves_no_ray_behind_and_asks_nothing_twice(teacher, recipe, tmp_path, cache) -> None:
    teacher.start("--delay-ms", "100")
    path, store = recipe(teacher.url, count=120, n=1, shard_size=5), tmp_path / "store"
    running = subprocess.Popen(
        command("build", path, "--store", store, "--ray", "local", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "REASONMILL_CACHE": str(cache)},
        text=True,
    )
    while len(teacher.answered()) < 40 and running.poll() is None:
        time.sleep(0.05)
    assert running.poll() is None, running.stdout.read()  # type: ignore[union-attr]
    below = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 120  # Ray's own agents look for their parent now and then
    while alive := [one for one in below if _lives(one)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.2)

    before = len(teacher.answered())
    done = reasonmill(
        "build", path, "--store", store, "--ray", "local", "--json", timeout=300, REASONMILL_CACHE=str(cache)
    )
    assert done.code == 0, done.err
    assert sum(done.json["verdicts"].values()) == 120
    journalled = sum(1 for part in (store / "journal").glob("2*.jsonl") for _ in part.open("rb"))
    assert journalled == 120
    assert len(teacher.answered()) - before < 120


def test_a_wrong_key_pauses_the_build(teacher, recipe, tmp_path, cache) -> None:
    path = recipe(teacher.start("--faults", ",".join(["401"] * 50)).url, count=20, n=1, shard_size=5)
    done = reasonmill(
        "build", path, "--store", tmp_path / "store", "--ray", "local", timeout=300, REASONMILL_CACHE=str(cache)
    )
    assert done.code == 2
    assert "The build pauses and nothing is lost" in done.err
    assert "Traceback" not in done.err


def test_what_many_processes_cannot_share_is_said_at_once(teacher, recipe, tmp_path) -> None:
    path = recipe(teacher.start().url)
    store = tmp_path / "store"
    for arguments, sentence in (
        (("--ray", "127.0.0.1:9"), "No Ray cluster answers at 127.0.0.1:9"),
        (("--ray", "cluster"), "--ray 'cluster' is no address"),
        (("--ray", "local", "--plain"), "give one of them"),
        (("--ray", "local", "--set", "budget.tokens=5"), "[budget] is counted in one process"),
    ):
        done = reasonmill("build", path, "--store", store, *arguments)
        assert done.code == 2, done.err
        assert sentence in done.err
    done = reasonmill("build", ROOT / "recipes" / "quickstart.toml", "--store", store, "--ray", "local")
    assert done.code == 2
    assert "lives in one process" in done.err
