"""No program gets a `correct` that it has not earned, whatever it does to its process, its channel or its results."""

import json
from pathlib import Path

import pytest

from verifiers.code import verify

CASES = [json.loads(line) for line in Path(__file__).with_name("attacks.jsonl").read_text().splitlines()]
HONEST = "```python\ndef f(x): return 40 + x\n```"
SPEC = {"kind": "asserts", "setup": "", "asserts": ["assert f(1) == 41", "assert f(2) == 42"]}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_it_is_contained_and_the_next_program_is_judged_as_ever(case):
    judgement = verify(f"```python\n{case['program']}\n```", "", case["spec"])
    assert judgement.verdict in case["verdicts"], judgement.detail
    assert len(judgement.detail) <= 600
    assert verify(HONEST, "", SPEC).verdict == "correct"
