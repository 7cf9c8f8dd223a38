"""Problems without a reference are built: their traces vote, the winner is their reference and says that it is one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.ids import canonical_json, task_id
from catalog.records import Task
from catalog.store import Store
from flows.electing import with_references
from flows.loading import load
from tests.flows.conftest import dataset_bytes, reasonmill
from verifiers import judge

RECIPE = """name = "voted"
shard_size = {shard_size}

[[tasks]]
generator = "problems"
path = "problems.jsonl"
domain = "logic"
verifier = "{verifier}"
source = "ours"
license = "CC0-1.0"
consensus = {share}

[teachers.t]
kind = "openai"
url = "{url}"
model = "scripted"
retries = 0

[sample]
teacher = "t"
n = {n}
temperature = 1.0
max_tokens = 64

[export]
profiles = ["distill", "rl"]
test_fraction = 0.0
"""

ONLY = ["101", "010", "111", "001"]
"""Assignments, each the only one that satisfies its problem's formula; the teacher finds it in 6 of 10 samples."""


def problem(bits: str) -> str:
    clauses = " & ".join(letter if bit == "1" else f"!{letter}" for letter, bit in zip("ABC", bits, strict=True))
    return f'Which values? {{"n_sat": 1, "k": 3, "clause": "{clauses}"}}'


ROWS = [
    *({"problem": problem(bits)} for bits in ONLY),
    {"problem": problem("011"), "answer": None},
    {"problem": problem("100"), "answer": "000"},
    {"problem": "Something that the teacher guesses at."},
]


def recipe(folder: Path, url: str, **changes: object) -> Path:
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    path = folder / "voted.toml"
    values = {"shard_size": 3, "n": 12, "share": 0.4, "verifier": "text", "url": url, **changes}
    path.write_text(RECIPE.format(**values))
    return path


def asked(store: Path, query: str) -> list[dict]:
    return json.loads(reasonmill("sql", query, "--store", store, "--format", "json").out)


def test_the_traces_of_a_build_give_its_tasks_their_references(teacher, tmp_path) -> None:
    path, store = recipe(tmp_path, teacher.start().url), tmp_path / "store"
    done = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    tasks = {row["prompt"]: row for row in asked(store, "select prompt, reference, spec, task_id from tasks")}
    for bits in [*ONLY, "011"]:
        task = tasks[problem(bits)]
        assert task["reference"] == bits
        vote = json.loads(task["spec"])["consensus"]
        assert (
            vote["votes"] == 12 and vote["agreeing"] / 12 == pytest.approx(vote["share"], abs=1e-6) and vote["entropy"]
        )
    given, guessed = tasks[problem("100")], tasks[ROWS[-1]["problem"]]
    assert (given["reference"], given["spec"]) == ("000", "{}")
    assert guessed["reference"] == "" and json.loads(guessed["spec"])["consensus"]["agreeing"] == 1
    joined = "from verdicts join tasks using (task_id)"
    right = {
        row["prompt"]: row["n"]
        for row in asked(store, f"select prompt, count(*) n {joined} where verdict = 'correct' group by all")
    }
    for bits in [*ONLY, "011"]:
        assert right[problem(bits)] == json.loads(tasks[problem(bits)]["spec"])["consensus"]["agreeing"]
    assert asked(store, f"select distinct verdict {joined} where reference = ''") == [{"verdict": "bad_reference"}]
    exported = asked(store, "select count(*) n from rejects where stage = 'export_rl' and reason = 'bad_reference'")
    assert exported == [{"n": 1}]
    why = reasonmill("why", tasks[problem("101")]["task_id"], "--store", store)
    assert "by vote" in why.out
    assert "by vote" not in reasonmill("why", given["task_id"], "--store", store).out


def test_a_build_that_was_cut_off_votes_again_and_ends_with_the_same_bytes(teacher, tmp_path) -> None:
    whole = reasonmill(
        "build", recipe(tmp_path, teacher.start().url), "--plain", "--store", tmp_path / "whole", "--json"
    )
    assert whole.code == 0, whole.err
    teacher.kill()
    teacher.start("--faults", "500,500,500")
    path, store = recipe(tmp_path, teacher.url), tmp_path / "store"
    cut = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert cut.code == 1 and "still owed" in cut.err
    done = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    assert dataset_bytes(done.json["path"]) == dataset_bytes(whole.json["path"])
    again = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert dataset_bytes(again.json["path"]) == dataset_bytes(whole.json["path"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n": 1}, "draw at least 2 traces"),
        ({"share": 0.0}, "consensus"),
        ({"share": 1.5}, "consensus"),
        ({"verifier": "code"}, "are not voted on"),
        ({"verifier": "sat"}, "are not voted on"),
    ],
)
def test_a_vote_that_cannot_be_held_is_told_before_anything_is_asked(changes, says, tmp_path) -> None:
    done = reasonmill(
        "build", recipe(tmp_path, "http://127.0.0.1:9/v1", **changes), "--plain", "--store", tmp_path / "s"
    )
    assert done.code == 2, done.err
    assert says in done.err and "Traceback" not in done.err


def test_a_task_that_came_with_its_reference_is_never_voted_on() -> None:
    spec = canonical_json({"consensus": {"min_share": 0.5, "share": 1.0, "votes": 2, "agreeing": 2, "entropy": 0.0}})
    own = Task(task_id("math", "p", "4", "math", spec), "math", "p", "4", "math", spec, None, None, None, "s", "l")
    asks = canonical_json({"consensus": {"min_share": 0.5}})
    voted = replace(own, task_id=task_id("math", "p", "", "math", asks))

    def judge_many(items):
        return [judge.slow(one) for one in items]

    assert with_references([own], [], judge_many) == [own]
    held = with_references([voted], [], judge_many)[0]
    assert held.reference == "" and json.loads(held.spec)["consensus"]["votes"] == 0
    assert with_references([held], [], judge_many) == [held]


def test_rows_without_a_reference_are_rejects_where_no_vote_is_asked_for(teacher, tmp_path) -> None:
    path = recipe(tmp_path, teacher.start().url)
    path.write_text(path.read_text().replace("consensus = 0.4\n", "limit = 6\n"))
    build = reasonmill("build", path, "--plain", "--store", tmp_path / "store", "--json")
    assert build.code == 0, build.err
    store = Store.open(str(tmp_path / "store"))
    resolved = load(path)
    rejects = list(store.build("voted", resolved.version).iter_rows("rejects"))
    assert [row.reason for row in rejects if row.stage == "tasks"] == ["missing_value"] * 5
