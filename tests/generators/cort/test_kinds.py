"""Calculation or verification: one case a line."""

import json
from pathlib import Path

import pytest

from generators.cort.kinds import kind_of

CASES = [json.loads(line) for line in (Path(__file__).parent / "kind_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_kind_of_a_call(case) -> None:
    assert kind_of(case["before"], case["output"]) == case["kind"]
