"""Correct traces are revised in builds and in files: verified, shorter, explained, paid for once."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from datasets import load_from_disk

from catalog import connect
from tests.flows.conftest import command, dataset_bytes, reasonmill
from verifiers.judge import Item, slow

RECIPE = """
name = "revised"
seed = 5
shard_size = 16

[[tasks]]
generator = "problems"
path = "sums.jsonl"
source = "sums"
license = "CC0-1.0"

[teachers.t]
kind = "openai"
url = "{url}"
model = "scripted"
format = "chatml"
thinking = ["<think>", "</think>"]
concurrency = 8
retries = {retries}

[sample]
teacher = "t"
n = 2

[revise]
teacher = "t"
mode = "{mode}"
controls = {controls}

[export]
test_fraction = 0.2
"""


@pytest.fixture
def revising(tmp_path):
    """Writes a recipe that revises, over sums, and gives its path."""

    def write(url: str, count: int = 40, mode: str = "full", controls: float = 0.5, retries: int = 2) -> Path:
        sums = [{"problem": f"What is {a} + {100 + 3 * a}?", "answer": str(100 + 4 * a)} for a in range(count)]
        (tmp_path / "sums.jsonl").write_text("".join(json.dumps(one) + "\n" for one in sums))
        path = tmp_path / "revised.toml"
        path.write_text(RECIPE.format(url=url, mode=mode, controls=controls, retries=retries))
        return path

    return write


@pytest.fixture
def built(teacher, revising, tmp_path):
    store = tmp_path / "store"
    url = teacher.start("--mode", "reason").url
    done = reasonmill("build", revising(url), "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    return store, done.json


def test_revised_traces_are_new_shorter_verified_and_their_parents_stay(built) -> None:
    store, build = built
    with connect(str(store)) as con:
        rows = con.execute(
            "select r.answer, p.answer, t.reference, v.verdict, m.steps_before, m.steps_after, r.task_id = p.task_id "
            "from traces r join traces p on r.parent = p.trace_id join tasks t on t.task_id = r.task_id "
            "join verdicts v on v.trace_id = r.trace_id join revisions m on m.trace_id = r.trace_id "
            "where r.origin = 'retro_search'"
        ).fetchall()
        looked_at, revised = con.execute("select count(*), count(trace_id) from revisions").fetchone()
        correct = con.execute(
            "select count(*) from verdicts join traces using (trace_id) "
            "where verdict = 'correct' and origin = 'sampled' and not truncated"
        ).fetchone()[0]
        left = con.execute("select count(*) from rejects where row_kind = 'revision'").fetchone()[0]
    assert len(rows) == revised == build["revisions"]["revised"] > 5
    assert looked_at == correct == revised + left == build["revisions"]["traces"]
    for answer, parents, reference, verdict, before, after, same_task in rows:
        assert slow(Item("math", answer, reference, "{}")).verdict == verdict == "correct"
        assert slow(Item("math", parents, reference, "{}")).verdict == "correct"
        assert after < before and same_task


def test_the_report_holds_the_method_beside_its_controls(built) -> None:
    _, build = built
    report = build["revisions"]
    arms = {arm["name"].partition(" ")[0]: arm for arm in report["arms"]}
    assert {"retro_search", "shortest_of_n", "random_truncation"} <= set(arms)
    assert report["tokens_after"]["mean"] < report["tokens_before"]["mean"]
    assert report["spent"] > 0 and sum(report["rollouts"].values()) >= report["tried"] >= report["accepted"] > 0
    best = min(arms["shortest_of_n"]["tokens"], arms["random_truncation"]["tokens"])
    assert ("does not beat" in report["verdict"]) == (arms["retro_search"]["tokens"] >= best)


def test_better_and_worse_ways_on_are_in_the_preference_profile(built) -> None:
    _, build = built
    data = load_from_disk(f"{build['dataset']}/preference")
    rows = [row for split in data.values() for row in split]
    ways = [row for row in rows if row["chosen_trace_id"] == row["rejected_trace_id"]]
    assert {row["reason"] for row in ways} == {"right", "shorter"}
    for row in ways:
        better, worse = row["chosen"][0]["content"], row["rejected"][0]["content"]
        shared = len("<think>\n") + row["shared"]
        assert better[:shared] == worse[:shared] and better != worse
        assert row["chosen_value"] > row["rejected_value"]
        answers = [slow(Item("math", text, row["reference"], "{}")).verdict for text in (better, worse)]
        assert answers == ["correct", "wrong" if row["reason"] == "right" else "correct"]


def test_a_revision_is_shown_beside_its_original_with_where_and_why(built) -> None:
    store, _ = built
    with connect(str(store)) as con:
        revised, parent = con.execute("select trace_id, parent from revisions where trace_id is not null").fetchone()
        kept_as_is = con.execute("select parent from revisions where reason = 'one_thought'").fetchone()[0]
    for row in (revised, parent):
        shown = reasonmill("show", row, "--diff", "--store", store)
        assert shown.code == 0, shown.err
        assert "Kept by both" in shown.out and "Where and why" in shown.out and "after thought" in shown.out
        assert revised[:9] in shown.out and parent[:9] in shown.out
    history = reasonmill("why", revised, "--store", store).out
    assert f"made from  {parent}" in history and "switch points accepted" in history
    assert "not revised" in reasonmill("why", kept_as_is, "--store", store).out
    refused = reasonmill("show", kept_as_is, "--diff", "--store", store)
    assert refused.code == 2 and "one_thought" in refused.err


KILLS = 6
IN_FLIGHT = 8


def test_kill_in_the_middle_of_revisions_repeats_no_rollout(teacher, revising, tmp_path) -> None:
    url = teacher.start("--mode", "reason", "--delay-ms", "15").url
    path = revising(url, count=60)
    whole = reasonmill("build", path, "--plain", "--store", tmp_path / "whole", "--json")
    assert whole.code == 0, whole.err
    requests = {body for _, body in teacher.answered()}
    teacher.kill()
    teacher.log.unlink()
    teacher.start()
    store, chance, kills = tmp_path / "killed", random.Random(2), []
    while len(kills) < KILLS:
        before = len(teacher.answered())
        running = subprocess.Popen(
            command("build", path, "--plain", "--store", store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(teacher.answered()) < before + 30 and running.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.2))
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.wait()
        kills.append(len(teacher.answered()))
    resumed = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert resumed.code == 0, resumed.err
    assert len(kills) >= KILLS // 2
    answered = [body for _, body in teacher.answered()]
    assert set(answered) == requests
    # what was on its way to the killed process is asked again, and nothing else
    assert len(answered) <= len(requests) + IN_FLIGHT * len(kills)
    assert dataset_bytes(resumed.json["path"]) == dataset_bytes(whole.json["path"])


def test_a_teacher_that_dies_in_the_middle_leaves_revisions_owed_and_the_next_run_ends_them(
    teacher, revising, tmp_path
) -> None:
    url = teacher.start("--mode", "reason", "--delay-ms", "20").url
    path = revising(url, count=60, retries=0)
    running = subprocess.Popen(
        command("build", path, "--plain", "--store", tmp_path / "store", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(teacher.answered()) < 80:
        time.sleep(0.01)
    teacher.kill()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "still owed" in err and "Traceback" not in err
    teacher.start()
    done = reasonmill("build", path, "--plain", "--store", tmp_path / "store", "--json")
    assert done.code == 0, done.err
    assert done.json["revisions"]["revised"] > 5


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def traces(tmp_path) -> Path:
    """A file of traces that somebody else's model wrote, among them one of each kind that is not revised."""
    rows = []
    for a in range(20):
        thoughts = [f"Is way {i} any good?\n\nWait, it might be." for i in range(6)]
        thinking = "\n\n".join([f"So the sum is {a + 7}.", *thoughts])
        rows.append(
            {
                "id": a,
                "q": f"What is {a} + 7?",
                "gold": str(a + 7),
                "response": f"{thinking}\n</think>\n\n\\boxed{{{a + 7}}}",
            }
        )
    odd = {
        "wrong": "Hm.\n\nWait, no.\n</think>\n\n\\boxed{1}",
        "endless": "Hm.\n\nWait, no.\n\nBut yes.",
        "single": "Hm.\n</think>\n\n\\boxed{50}",
    }
    rows += [{"id": name, "q": "What is 43 + 7?", "gold": "50", "response": text} for name, text in odd.items()]
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


NAMES = ("--column", "problem=q", "--column", "reference=gold")


@pytest.mark.parametrize("mode", ["full", "partial", "tail", "close"])
def test_a_file_of_traces_is_revised_and_a_second_call_asks_nothing(teacher, traces, tmp_path, mode) -> None:
    url, out = teacher.start("--mode", "reason").url, tmp_path / "out.jsonl"
    call = ("revise", traces, "-o", out, "--teacher", url, "--model", "m", "--mode", mode, *NAMES)
    first = reasonmill(*call, "--store", tmp_path / "store", "--json")
    assert first.code == 0, first.err
    rows = rows_of(out)
    assert [row["id"] for row in rows] == [*range(20), "wrong", "endless", "single"]
    assert [row["reason"] for row in rows[20:22]] == ["not_correct", "not_correct"]
    revised = [row for row in rows if row["revised"]]
    assert len(revised) == first.json["revised"] > 5
    for row in revised:
        assert slow(Item("math", row["response"], row["gold"], "{}")).verdict == "correct"
        assert row["steps_after"] < row["steps_before"] and row["original"] != row["response"]
        assert row["original"][: row["kept"]].strip() == row["response"][: len(row["original"][: row["kept"]].strip())]
    assert {pair["reason"] for pair in rows_of(tmp_path / "out.jsonl.pairs.jsonl")} <= {"right", "shorter"}
    asked = len(teacher.answered())
    again = reasonmill(*call, "--store", tmp_path / "store", "--json")
    assert again.json == first.json and len(teacher.answered()) == asked
    assert rows_of(out) == rows


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--teacher"),
        (("--teacher", "nobody"), "neither `embedded` nor a URL"),
        (("--teacher", "http://127.0.0.1:9/v1"), "--model"),
        (("--teacher", "embedded", "--mode", "fast"), "revise.mode"),
        (("--teacher", "embedded", "--set", "revise.gama=0.8"), "did you mean 'gamma'"),
        (("--teacher", "embedded"), "no column 'problem'"),
        (("--recipe", "absent.toml"), "absent.toml"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(traces, tmp_path, arguments, told) -> None:
    done = reasonmill("revise", traces, "-o", tmp_path / "out.jsonl", "--store", tmp_path / "store", *arguments)
    assert done.code == 2 and told in done.err, done.err
    assert "Traceback" not in done.err and not (tmp_path / "out.jsonl").exists()


def test_a_recipe_that_revises_needs_delimiters_and_a_teacher(revising, tmp_path) -> None:
    path = revising("http://127.0.0.1:9/v1")
    path.write_text(path.read_text().replace('thinking = ["<think>", "</think>"]\n', ""))
    done = reasonmill("build", path, "--plain", "--store", tmp_path / "store")
    assert done.code == 2 and "revise.teacher" in done.err and "thinking" in done.err
    path = revising("http://127.0.0.1:9/v1")
    path.write_text(path.read_text().replace('[revise]\nteacher = "t"', '[revise]\nteacher = "tt"'))
    done = reasonmill("build", path, "--plain", "--store", tmp_path / "store")
    assert done.code == 2 and "did you mean 't'" in done.err
