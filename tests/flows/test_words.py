"""Recipes whose answers are letters or words: built like all others; a reference that is no option makes no task."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import reasonmill

SECTION = """
[[tasks]]
generator = "problems"
path = "{verifier}.jsonl"
domain = "{verifier}"
verifier = "{verifier}"
source = "ours/{verifier}"
license = "CC0-1.0"
columns = {{prompt = "question", reference = "gold", spec = "spec"}}
"""
RECIPE = f"""name = "words"
{SECTION.format(verifier="choice")}{SECTION.format(verifier="text")}
[teachers.t]
kind = "scripted"
answers = "answers.jsonl"

[sample]
teacher = "t"
max_tokens = 64

[export]
profiles = ["distill", "rl"]
"""
CITIES = {"choices": ["Paris", "London", "Rome"]}
ROWS = {
    "choice": [
        {"question": "Capital of Italy?", "gold": "C", "spec": CITIES},
        {"question": "Capital of France?", "gold": "Paris", "spec": json.dumps(CITIES)},
        {"question": "Capital of England?", "gold": "B", "spec": CITIES},
        {"question": "Capital of Spain?", "gold": "E", "spec": CITIES},
        {"question": "Capital of Peru?", "gold": "A", "spec": {"choices": "Lima"}},
    ],
    "text": [
        {"question": "Largest city of the USA?", "gold": "New York", "spec": {"accept": ["NYC"]}},
        {"question": "Longest river?", "gold": "Nile", "spec": {}},
        {"question": "Highest mountain?", "gold": "Everest", "spec": {"accept": "Sagarmatha"}},
    ],
}
ANSWERS = {
    "Italy": "We compare them. The answer is (C).",
    "France": "**Answer:** Paris",
    "England": "Option B is not correct. I choose C.",
    "USA": "Answer: nyc.",
    "river": "It is long.\n\\boxed{\\text{the Amazon}}",
}


@pytest.fixture
def words(tmp_path: Path) -> Path:
    for name, rows in ROWS.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [{"match": match, "text": text} for match, text in ANSWERS.items()]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = tmp_path / "words.toml"
    path.write_text(RECIPE)
    return path


def test_letters_and_words_are_built_audited_and_exported_like_all_tasks(words: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = reasonmill("build", words, "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    assert done.json["verdicts"] == {"correct": 3, "wrong": 2}

    def asked(query: str) -> list[dict]:
        return json.loads(reasonmill("sql", query, "--store", store, "--format", "json").out)

    assert asked("select verifier, verdict, count(*) n from verdicts group by all order by all") == [
        {"verifier": "choice", "verdict": "correct", "n": 2},
        {"verifier": "choice", "verdict": "wrong", "n": 1},
        {"verifier": "text", "verdict": "correct", "n": 1},
        {"verifier": "text", "verdict": "wrong", "n": 1},
    ]
    assert asked("select reason, count(*) n from rejects where stage = 'tasks' group by all") == [
        {"reason": "wrong_reference", "n": 3}
    ]
    audited = json.loads((Path(done.json["path"]) / "manifest.json").read_text())["audit"]
    assert set(audited["of"]["versions"]) == {"choice", "text"}
    assert audited["false_accept"] == audited["false_reject"] == 0


def test_a_section_of_words_without_references_is_told(words: Path, tmp_path: Path) -> None:
    words.write_text(RECIPE.replace('reference = "gold"', 'reference = "answer_key"'))
    done = reasonmill("build", words, "--plain", "--store", tmp_path / "store")
    assert done.code == 2, done.err
    assert "'answer_key'" in done.err and "columns.reference" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verifier", ["choice", "text"])
def test_the_audit_of_words_passes_by_the_command(verifier: str) -> None:
    done = reasonmill("verify", "--audit", verifier, "--json")
    assert done.code == 0, done.err
    assert done.json["false_accept"] == done.json["false_reject"] == 0
    assert {line["family"] for line in done.json["lines"]} == {"mutant", "paraphrase", "junk"}
