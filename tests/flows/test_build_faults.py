"""What a build does when the teacher, the input, the disk or another build gets in its way."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.flows.conftest import command, reasonmill


def _build(path: Path, store: Path, *more: str | Path):
    return reasonmill("build", path, "--plain", "--store", store, "--json", *more)


def test_a_refused_key_pauses_the_build_and_loses_nothing(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--faults", ",".join(["500"] * 2 + ["401"])).url
    path, store = recipe(url, count=40), tmp_path / "store"
    paused = _build(path, store)
    assert paused.code == 2
    assert "401" in paused.err and "Traceback" not in paused.err
    done = _build(path, store)
    assert done.code == 0, done.err
    assert sum(done.json["verdicts"].values()) == 80


@pytest.mark.parametrize("fault", ["429", "500", "503", "cutoff", "garbage", "blank", "reset"])
def test_a_passing_fault_is_retried_and_costs_no_row(fault, teacher, recipe, tmp_path) -> None:
    url = teacher.start("--faults", ",".join([fault] * 3)).url
    done = _build(recipe(url, count=24, retries=6), tmp_path / "store")
    assert done.code == 0, done.err
    assert sum(done.json["verdicts"].values()) == 48


def test_retry_after_is_obeyed(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--faults", "429", "--retry-after", "3").url
    done = _build(recipe(url, count=8, shard_size=8), tmp_path / "store")
    assert done.code == 0, done.err
    answered = [when for when, _ in teacher.answered()]
    # Whatever was not in flight when the 429 came waits for the three seconds.
    assert max(answered) - min(answered) > 2.5 or len(answered) <= 8


def test_a_hanging_request_is_given_up_and_asked_again(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--faults", "hang").url
    done = _build(recipe(url, count=8, timeout_s=1.0), tmp_path / "store")
    assert done.code == 0, done.err


def test_an_empty_text_is_an_answer_that_cannot_be_parsed(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--faults", "empty").url
    done = _build(recipe(url, count=8), tmp_path / "store")
    assert done.code == 0, done.err
    assert done.json["verdicts"]["unparsable"] == 2


def test_a_dead_teacher_leaves_rows_owed_and_the_build_resumable(teacher, recipe, tmp_path) -> None:
    url = teacher.start().url
    teacher.kill()
    path, store = recipe(url, count=8, retries=0), tmp_path / "store"
    failed = _build(path, store)
    assert failed.code == 1
    assert "still owed" in failed.err and "Traceback" not in failed.err
    teacher.start()
    done = _build(path, store)
    assert done.code == 0, done.err
    assert sum(done.json["verdicts"].values()) == 16


def test_a_token_budget_stops_with_exit_code_3_and_a_larger_one_goes_on(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "5").url
    path, store = recipe(url), tmp_path / "store"
    stopped = _build(path, store, "--set", "budget.tokens=3000")
    assert stopped.code == 3
    assert "3,000 tokens" in stopped.err
    first = len(teacher.answered())
    assert 0 < first < 120
    done = _build(path, store, "--set", "budget.tokens=10000000")
    assert done.code == 0, done.err
    assert len(teacher.answered()) == 120


def test_a_second_build_of_the_same_recipe_says_so_and_stops(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "100").url
    path, store = recipe(url), tmp_path / "store"
    first = subprocess.Popen(
        command("build", path, "--plain", "--store", store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not teacher.answered():
        time.sleep(0.01)
    second = _build(path, store)
    assert second.code == 2
    assert str(first.pid) in second.err
    assert first.wait(60) == 0


def test_a_finished_build_is_not_run_again_and_fresh_pays_nothing(teacher, recipe, tmp_path) -> None:
    url = teacher.start().url
    path, store = recipe(url, count=24), tmp_path / "store"
    first = _build(path, store)
    again = _build(path, store)
    fresh = _build(path, store, "--fresh")
    assert (first.code, again.code, fresh.code) == (0, 0, 0)
    assert len(teacher.answered()) == 24
    assert first.json["rows"] == again.json["rows"] == fresh.json["rows"]


def test_raising_max_tokens_redoes_only_what_was_cut_off(teacher, recipe, tmp_path) -> None:
    lines = [{"match": "short", "text": "\\boxed{1}"}, {"match": "long", "text": "word " * 20 + "\\boxed{1}"}]
    answers, problems = tmp_path / "answers.jsonl", tmp_path / "problems.jsonl"
    answers.write_text("\n".join(map(json.dumps, lines)))
    rows = [{"problem": f"{kind} {i}", "answer": "1"} for kind in ("short", "long") for i in range(3)]
    problems.write_text("\n".join(map(json.dumps, rows)))
    url = teacher.start("--answers", answers).url
    path, store = recipe(url, count=1, n=1), tmp_path / "store"
    section = '\n[[tasks]]\ngenerator = "problems"\npath = "problems.jsonl"\nsource = "mine"\nlicense = "MIT"\n'
    path.write_text(path.read_text() + section)
    assert _build(path, store, "--set", "sample.max_tokens=15").code == 0
    assert len(teacher.answered()) == 7
    assert _build(path, store, "--set", "sample.max_tokens=50").code == 0
    assert len(teacher.answered()) == 7 + 3


def test_changing_the_verifiers_settings_regenerates_nothing(teacher, recipe, tmp_path) -> None:
    url = teacher.start().url
    path, store = recipe(url, count=24), tmp_path / "store"
    first = _build(path, store)
    other = _build(path, store, "--set", "verify.deadline_s=1", "--set", "dedup.exact=false")
    assert first.code == other.code == 0
    assert first.json["version"] != other.json["version"]
    assert len(teacher.answered()) == 24


def test_broken_lines_become_rejects_and_the_rest_goes_on(teacher, recipe, tmp_path) -> None:
    url = teacher.start().url
    path, store = recipe(url, count=4), tmp_path / "store"
    problems = tmp_path / "problems.jsonl"
    good = [json.dumps({"problem": f"What is {i} + 1?", "answer": i + 1}) for i in range(5)]
    problems.write_bytes(
        "\n".join([*good[:2], "{broken", "[]", '{"problem": "no answer"}', *good[2:]]).encode()
        + b'\n{"problem": "\xff"}\n'
    )
    section = '\n[[tasks]]\ngenerator = "problems"\npath = "problems.jsonl"\nsource = "mine"\nlicense = "MIT"\n'
    path.write_text(path.read_text() + section)
    done = _build(path, store)
    assert done.code == 0, done.err
    tasks = next(stage for stage in done.json["stages"] if stage["stage"] == "tasks")
    assert tasks["rows_out"] == 9
    assert tasks["rows_in"] == 13 and sum(tasks["rejects"].values()) == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_written_is_told(teacher, recipe, tmp_path) -> None:
    store = tmp_path / "store"
    store.mkdir(mode=0o500)
    told = _build(recipe(teacher.start().url), store)
    assert told.code == 2 and "cannot be written" in told.err


def test_a_store_below_a_file_is_told(teacher, recipe, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    told = _build(recipe(teacher.start().url), tmp_path / "file" / "store")
    assert told.code == 2
    assert "Traceback" not in told.err


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_stops_the_build_and_it_goes_on_with_more_room(teacher, recipe, tmp_path) -> None:
    store = tmp_path / "small"
    store.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "none", store], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        path = recipe(teacher.start().url, count=400)
        full = _build(path, store)
        assert full.code == 2, full.err
        assert "full" in full.err and "Traceback" not in full.err
        subprocess.run(["mount", "-o", "remount,size=64m", store], check=True)
        done = _build(path, store)
        assert done.code == 0, done.err
        assert sum(done.json["verdicts"].values()) == 800
    finally:
        subprocess.run(["umount", store], check=True)


def test_the_store_can_be_asked_while_the_build_runs(teacher, recipe, tmp_path) -> None:
    url = teacher.start("--delay-ms", "400").url
    path, store = recipe(url, shard_size=8), tmp_path / "store"
    running = subprocess.Popen(
        command("build", path, "--plain", "--store", store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while len(teacher.answered()) < 40:
            time.sleep(0.01)
        query = "select (select count(*) from completions) as answers, status from builds"
        asked = reasonmill("sql", query, "--store", store, "--format", "json")
        assert asked.code == 0, asked.err
        assert asked.json[0]["answers"] >= 40
        assert asked.json[0]["status"] == "running"
    finally:
        running.kill()
        running.wait()
