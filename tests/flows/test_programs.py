"""Recipes whose tasks are programs: built like all others, and refused on a machine that cannot hold programs."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.flows.conftest import command, reasonmill
from tests.flows.test_verify_input import WITHOUT_NAMESPACES

RECIPE = """name = "programs"

[[tasks]]
generator = "problems"
path = "problems.jsonl"
domain = "code"
verifier = "code"
source = "ours"
license = "CC0-1.0"
columns = {prompt = "prompt", spec = "spec"}

[teachers.t]
kind = "scripted"
answers = "answers.jsonl"

[sample]
teacher = "t"
n = 2
max_tokens = 64

"""
ASSERTS = {"kind": "asserts", "asserts": ["assert double(2) == 4", "assert double(0) == 0"]}
ROWS = [
    {"prompt": "Write double(x).", "spec": ASSERTS},
    {"prompt": "Write double(x), the other way.", "spec": json.dumps(ASSERTS), "answer": "double = (2).__mul__"},
    {"prompt": "Tests that are none.", "spec": {"kind": "asserts", "asserts": 7}},
]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    lines = [
        {"match": "the other way", "text": "```python\ndef double(x):\n    return x + 3\n```"},
        {"match": "double", "text": "```python\ndef double(x):\n    return 2 * x\n```"},
    ]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    path = tmp_path / "programs.toml"
    path.write_text(RECIPE)
    return path


def test_programs_are_built_like_all_tasks(programs: Path, tmp_path: Path) -> None:
    done = reasonmill("build", programs, "--plain", "--store", tmp_path / "store", "--json")
    assert done.code == 0, done.err
    assert done.json["verdicts"] == {"correct": 2, "wrong": 2}
    asked = "select reason, count(*) n from rejects where stage = 'tasks' group by all"
    rejects = reasonmill("sql", asked, "--store", tmp_path / "store", "--format", "json")
    assert json.loads(rejects.out) == [{"reason": "invalid_spec", "n": 1}]


def test_programs_are_not_sampled_below_the_level_that_is_asked(programs: Path, tmp_path: Path) -> None:
    if subprocess.run([*WITHOUT_NAMESPACES, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine cannot be made one without namespaces")
    build = command("build", programs, "--plain", "--store", tmp_path / "store", "--set", "verify.sandbox=namespaces")
    refused = subprocess.run([*WITHOUT_NAMESPACES, *build], capture_output=True, text=True)
    assert refused.returncode == 2, refused.stderr
    assert "'namespaces' is asked" in refused.stderr
    assert "Traceback" not in refused.stderr
    counted = reasonmill("sql", "select count(*) n from completions", "--store", tmp_path / "store", "--format", "json")
    assert json.loads(counted.out) == [{"n": 0}]
