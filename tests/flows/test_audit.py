"""A verifier that errs is told by the command, and no build exports what it has judged."""

import json
import subprocess
import sys

import pytest

from catalog.store import Store
from flows.loading import load
from tests.flows.conftest import dataset_bytes, reasonmill

FAULTY = """
from verifiers import sat
from verifiers.verdict import Judgement
sat.fast = lambda response, reference, spec: Judgement("correct", "1", "", 0.0, "sat", 99)
sat.VERSION = 99
from flows.cli import main
main()
"""
"""The command with a SAT verifier that accepts everything."""


def test_the_sat_verifier_passes_its_audit_by_the_command() -> None:
    done = reasonmill("verify", "--audit", "sat", "--json")
    assert done.code == 0, done.err
    assert done.json["false_accept"] == done.json["false_reject"] == 0
    assert {line["family"] for line in done.json["lines"]} == {"mutant", "paraphrase", "junk"}


def test_an_audit_prints_a_line_a_kind_of_probe() -> None:
    done = reasonmill("verify", "--audit", "sat")
    assert done.code == 0, done.err
    assert "flipped bit" in done.out and "false accepts 0.00%" in done.out


def test_an_audit_past_its_limit_ends_with_1_and_names_the_kind() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTY, "verify", "--audit", "sat"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "fails its audit" in done.stderr and "for example" in done.stderr and "Traceback" not in done.stderr


def test_an_audit_takes_its_tasks_from_a_file_or_a_recipe(recipe, tmp_path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    rows = [{"prompt": f"What is twice {n}?", "reference": str(2 * n), "verifier": "math"} for n in range(100, 110)]
    tasks.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = reasonmill("verify", "--audit", "math", tasks, "--json")
    assert done.code == 0, done.err
    assert done.json["cases"] == 10
    assert "the prompt echoed" in {line["kind"] for line in done.json["lines"]}
    done = reasonmill("verify", "--audit", "sat", "--recipe", recipe("http://127.0.0.1:1/v1", count=30), "--json")
    assert (done.code, done.json["cases"]) == (0, 30)
    none = reasonmill("verify", "--audit", "sat", tasks)
    assert none.code == 2 and "no task for the verifier 'sat'" in none.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--audit", "saat"], "did you mean 'sat'"),
        (["--audit", "sat", "absent.jsonl"], "There is no file"),
        (["--audit", "sat", "x.jsonl", "--recipe", "y.toml"], "leave one out"),
        ([], "verify needs a FILE"),
        (["--references"], "needs a FILE"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(arguments, says) -> None:
    told = reasonmill("verify", *arguments)
    assert told.code == 2 and says in told.err and "Traceback" not in told.err


def test_a_build_writes_its_audit_into_manifest_and_card_and_repeats_none(teacher, recipe, tmp_path) -> None:
    path, store = recipe(teacher.start().url, count=40), tmp_path / "store"
    done = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    build = Store.open(store).build("tested", done.json["version"])
    audit = build.read_manifest().audit
    assert audit["cases"] == 16 and audit["false_accept"] == 0 and audit["of"]["versions"].keys() == {"sat"}
    first = dataset_bytes(done.json["path"])
    again = reasonmill("build", path, "--plain", "--store", store, "--json")
    assert again.code == 0, again.err
    assert build.read_manifest().audit == audit
    assert dataset_bytes(again.json["path"]) == first
    published = reasonmill("publish", "tested", "--to", f"{tmp_path}/published", "--store", store)
    assert published.code == 0, published.err
    assert "The verifiers were audited on 16 tasks" in (tmp_path / "published" / "README.md").read_text()


def test_a_build_whose_verifier_errs_exports_nothing_and_goes_on_when_the_limit_is_raised(
    teacher, recipe, tmp_path
) -> None:
    path, store = recipe(teacher.start().url, count=40), tmp_path / "store"
    build = ["build", str(path), "--plain", "--store", str(store), "--json"]
    refused = subprocess.run([sys.executable, "-c", FAULTY, *build], capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1, refused.stderr
    assert "is not exported" in refused.stderr and "sat" in refused.stderr and "Traceback" not in refused.stderr
    version = load(path).version
    held = Store.open(store).build("tested", version)
    assert held.parts("traces") and held.parts("verdicts")
    assert not (store / "builds" / "tested" / version / "dataset").exists()
    asked = len(teacher.answered())
    raised = [*build, "--set", "verify.audit.max_false_accept=1.0"]
    done = subprocess.run([sys.executable, "-c", FAULTY, *raised], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == version
    assert len(teacher.answered()) == asked
    assert held.read_manifest().audit["false_accept"] > 0.9


def test_an_audit_is_no_part_of_a_builds_identity_and_can_be_left_out(teacher, recipe, tmp_path) -> None:
    path = recipe(teacher.start().url, count=20)
    assert load(path).version == load(path, ["verify.audit.sample=3", "verify.audit.max_false_reject=0.5"]).version
    assert load(path).version != load(path, ["verify.deadline_s=3"]).version
    without = ["--set", "verify.audit.sample=0"]
    done = reasonmill("build", path, "--plain", "--store", tmp_path / "store", "--json", *without)
    assert done.code == 0, done.err
    assert Store.open(tmp_path / "store").build("tested", done.json["version"]).read_manifest().audit == {}


def test_references_that_cannot_be_read_or_contradict_each_other_are_flagged(tmp_path) -> None:
    rows = [
        {"problem": "What is 2 + 3?", "reference": "5"},
        {"problem": "what is  2 + 3?", "reference": "6"},
        {"problem": "What is half of one?", "reference": "0.5"},
        {"problem": "What is half of one?", "reference": "\\frac{1}{2}"},
        {"problem": "What is 9 - 2?", "reference": ""},
        {"problem": "What is 9 - 3?", "reference": None},
        {"problem": "What is 4 + 4?", "reference": "\\boxed{8"},
        {"problem": "What is 4 + 5?", "reference": "9"},
    ]
    file, out = tmp_path / "tasks.jsonl", tmp_path / "out.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = reasonmill("verify", "--references", file, "-o", out, "--json")
    assert done.code == 0, done.err
    written = [json.loads(line) for line in out.read_text().splitlines()]
    expected = [["contradiction"], ["contradiction"], [], [], ["unreadable"], ["unreadable"], ["unreadable"], []]
    assert [row["flags"] for row in written] == expected
    assert "row 2 has the same problem and the reference '6'" in written[0]["flag_detail"]
    assert done.json["flags"] == {"contradiction": 2, "unreadable": 3}


def test_references_of_real_benchmarks_can_be_read_and_the_known_ambiguity_of_none_is_a_contradiction(
    shared_data, tmp_path
) -> None:
    out = tmp_path / "out.jsonl"
    source = shared_data / "math_benchmark_problems.parquet"
    done = reasonmill("verify", "--references", source, "-o", out, "--column", "reference=gold", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == 1113
    assert done.json["flagged"] <= 0.02 * 1113
