"""HumanEval, MBPP and CRUXEval references are all correct; single-mutation wrong programs never are."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from verifiers.code import verify

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
GROUPS = 8

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real data (shared/data beside the checkout) is not here")


def rows(name: str) -> list[dict]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def check(row: dict) -> dict:
    return {"kind": "check", "test": row["test"], "entry_point": row["entry_point"]}


def asserts(row: dict) -> dict:
    return {"kind": "asserts", "setup": row["test_imports"], "asserts": row["test_list"]}


def verdicts(programs: list[tuple[str, str, dict]], group: int) -> dict[str, str]:
    """Gives verdict and reason of a group's programs, by name."""
    chosen = programs[group::GROUPS]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda p: verify(f"```python\n{p[1]}\n```", "", p[2], 60), chosen))
    return {name: f"{j.verdict} {j.detail}" for (name, _, _), j in zip(chosen, found, strict=True)}


@pytest.mark.parametrize("group", range(GROUPS))
def test_references_are_correct(group):
    programs = [(r["task_id"], r["prompt"] + r["canonical_solution"], check(r)) for r in rows("humaneval")]
    programs += [(f"MBPP/{r['task_id']}", r["code"], asserts(r)) for r in rows("mbpp_sanitized")]
    found = verdicts(programs, group)
    assert {name: text for name, text in found.items() if not text.startswith("correct")} == {}


@pytest.mark.parametrize("group", range(GROUPS))
def test_bodies_that_continue_a_prompt_are_correct(group):
    programs = [(r["task_id"], r["canonical_solution"], check(r) | {"prompt": r["prompt"]}) for r in rows("humaneval")]
    found = verdicts(programs, group)
    assert {name: text for name, text in found.items() if not text.startswith("correct")} == {}


@pytest.mark.parametrize("group", range(GROUPS))
def test_outputs_are_reproduced(group):
    programs = [
        (r["id"], r["code"], {"kind": "asserts", "asserts": [f"assert f({r['input']}) == {r['output']}"]})
        for r in rows("cruxeval")
    ]
    found = verdicts(programs, group)
    assert {name: text for name, text in found.items() if not text.startswith("correct")} == {}


@pytest.mark.parametrize("group", range(GROUPS))
def test_mutants_are_never_correct(group):
    suites = {r["task_id"]: check(r) for r in rows("humaneval")}
    suites |= {f"mbpp/{r['task_id']}": asserts(r) for r in rows("mbpp_sanitized")}
    wrong = [r for r in rows("code_wrong_solutions") if r["task_id"] in suites]
    assert len(wrong) == 293
    loops = {r["id"] for r in wrong if r["outcome"] == "timeout"}
    programs = [(r["id"], r["code"], suites[r["task_id"]] | {"seconds": 5}) for r in wrong]
    found = verdicts(programs, group)
    bad = {
        n: t for n, t in found.items() if not t.startswith(("wrong", "timeout", "memory") if n in loops else "wrong")
    }
    assert bad == {}
