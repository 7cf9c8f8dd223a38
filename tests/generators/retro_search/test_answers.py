"""The step at which a right answer first stands is the one that a reader would name."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.retro_search.answers import first_stated
from generators.retro_search.segment import segment
from generators.settings import TRANSITIONS

CASES = [json.loads(line) for line in (Path(__file__).parent / "answer_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_an_answer_stands_where_it_is_concluded(case):
    assert first_stated(segment(case["text"], TRANSITIONS), case["targets"]) == case["step"]


@given(st.text(st.sampled_from("=is answer\\boxed{}() $1,2.\n")) | st.text(), st.text(min_size=1, max_size=8))
def test_the_finder_is_total_and_gives_a_step(text, target):
    found = segment(text, TRANSITIONS)
    step = first_stated(found, [target])
    assert step is None or 0 <= step < len(found.steps)


@pytest.mark.parametrize("text", ["= " * 300_000, "is " * 300_000, "\\boxed{" * 100_000, "=(" * 200_000])
def test_hostile_text_is_searched_in_one_pass(text):
    assert first_stated(segment(text, TRANSITIONS), ["12345"]) is None


def test_most_correct_real_traces_conclude_their_answer_before_the_end(shared_data):
    columns = ["response", "gold", "verdict"]
    rows = [r for r in pq.read_table(shared_data / "reasoning_traces.parquet", columns=columns).to_pylist()]
    found = early = right = 0
    for row in rows:
        if not row["verdict"]:
            continue
        right += 1
        cut = segment(row["response"].partition("</think>")[0], TRANSITIONS)
        step = first_stated(cut, [row["gold"]])
        if step is not None:
            found += 1
            early += cut.steps[step] < 0.75 * len(cut.text)
    assert found > 0.9 * right  # the rest is prose for a formula, or a label that is wrong
    assert early > 0.5 * found
