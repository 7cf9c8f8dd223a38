"""Programs judged by assertions get the verdict that a plain run of the tests would give, and a reason."""

import json
from pathlib import Path

import pytest

from verifiers.code import verify

CASES = [json.loads(line) for line in Path(__file__).with_name("asserts.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_verdict_and_reason(case):
    judgement = verify(f"```python\n{case['program']}\n```", "", case["spec"])
    assert (judgement.verdict, judgement.verifier) == (case["verdict"], "code"), judgement.detail
    assert case["detail"] in judgement.detail
