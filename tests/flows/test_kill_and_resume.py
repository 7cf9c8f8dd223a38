"""A build killed at any moment goes on where it was, pays for nothing twice, and ends with the same bytes."""

import json
import os
import random
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from catalog import connect
from tests.flows.conftest import command, dataset_bytes, reasonmill

KILLS = 20
IN_FLIGHT = 8
"""The recipe's concurrency: so many answers at most may have been on their way to the killed process."""


def _journalled(store: Path) -> int:
    """Whole lines in the journal."""
    return sum(
        data.count(b"\n")
        for path in (store / "journal").glob("*.jsonl")
        if not path.name.startswith(".") and (data := path.read_bytes())
    )


def test_kill_at_random_moments_repeats_no_finished_request_and_gives_the_same_bytes(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "40").url
    path = recipe(url, count=400, shard_size=32)
    whole = reasonmill("build", path, "--plain", "--store", tmp_path / "whole", "--json")
    assert whole.code == 0, whole.err
    finished_whole = teacher.answered()
    teacher.kill()
    teacher.log.unlink()
    teacher.start()

    store = tmp_path / "killed"
    build = command("build", path, "--plain", "--store", store, "--json")
    chance = random.Random(5)
    kills: list[float] = []
    while len(kills) < KILLS:
        running = subprocess.Popen(build, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = _journalled(store)
        # Half the kills come at once (start, resume), half once new answers have arrived.
        if len(kills) % 2:
            deadline = time.monotonic() + 30
            while _journalled(store) <= before and running.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.2))
        else:
            time.sleep(chance.uniform(0.05, 1.5))
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.wait()
        # Once it answers this, the teacher has seen that the killed process's connections are gone.
        urllib.request.urlopen(f"{url}/stats").close()
        kills.append(time.monotonic())
    resumed = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert resumed.code == 0, resumed.err
    assert len(kills) >= KILLS // 2, "the build was over before it had been killed often enough"

    assert dataset_bytes(resumed.json["path"]) == dataset_bytes(whole.json["path"])
    _same_rows(tmp_path / "whole", store)

    answered = teacher.answered()
    assert {body for _, body in answered} == {body for _, body in finished_whole}
    on_the_way = set()
    for kill in kills:
        before_it = [i for i, (when, _) in enumerate(answered) if when <= kill]
        on_the_way.update(before_it[-IN_FLIGHT:])
    later: set[str] = set()
    for i, (_, body) in reversed(list(enumerate(answered))):
        assert body not in later or i in on_the_way, "a finished request was asked again"
        later.add(body)


def _same_rows(one: Path, other: Path) -> None:
    for view, columns in {
        "traces": "trace_id, task_id, thinking, answer, seed, completion_key",
        "verdicts": "trace_id, verdict, extracted, detail",
        "rejects": "row_id, stage, reason, twin, score",
        "stages": "stage, shard, unit, rows_in, rows_out, rejects, pending, completion_tokens",
    }.items():
        rows = []
        for store in (one, other):
            with connect(str(store)) as con:
                rows.append(con.execute(f"select {columns} from {view} order by all").fetchall())
        assert rows[0] == rows[1], view


def test_a_teacher_restarted_in_the_middle_loses_nothing(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "30").url
    path = recipe(url, count=300, shard_size=32, retries=8)
    running = subprocess.Popen(
        command("build", path, "--plain", "--store", tmp_path / "store", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(teacher.answered()) < 100:
        time.sleep(0.01)
    teacher.kill()
    time.sleep(0.5)
    teacher.start()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    build = json.loads(out)
    assert build["status"] == "complete"
    assert sum(build["verdicts"].values()) == 600


def test_ctrl_c_ends_cleanly_with_exit_code_3_and_resumes(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "50").url
    path, store = recipe(url), tmp_path / "store"
    running = subprocess.Popen(
        command("build", path, "--plain", "--store", store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(teacher.answered()) < 20:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 3
    assert "Traceback" not in err and "goes on from here" in err
    with connect(str(store)) as con:
        assert con.execute("select status from builds").fetchall() == [("stopped",)]
    answered = len(teacher.answered())
    done = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    # 120 requests in all; those in flight at Ctrl-C (8 at most) were cut off and are asked again.
    assert len(teacher.answered()) <= 120 + 8
    assert answered < 120


def test_sigterm_is_survived_like_a_kill(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "50").url
    path, store = recipe(url), tmp_path / "store"
    running = subprocess.Popen(
        command("build", path, "--plain", "--store", store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while len(teacher.answered()) < 20:
        time.sleep(0.01)
    running.terminate()
    running.wait(30)
    done = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    assert len(teacher.answered()) <= 120 + 8
