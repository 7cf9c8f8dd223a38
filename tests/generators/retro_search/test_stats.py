"""Statistics of traces are what counting by hand gives, and what is known of the real ones."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from generators.retro_search.segment import segment
from generators.retro_search.stats import Spread, shape, shapes, spread
from generators.settings import TRANSITIONS
from tests.generators.retro_search.conftest import long_trace, subject, sum_task


def test_a_trace_is_measured_up_to_and_after_its_answer():
    given = subject(sum_task(1, 2), "We add.\n\nSo it is 3.\n\nWait, again.\n\nYes.\n\nBut no.", "\\boxed{3}").trace
    found = shape(replace(given, completion_tokens=100), ["3"], TRANSITIONS)
    assert (found.thoughts, found.steps, found.thoughts_after) == (3, 5, 2)
    end = given.thinking.index("Wait")
    assert found.answer_at == pytest.approx(end / len(given.thinking))
    assert found.tokens_after == round(100 * (len(given.thinking) - end) / (len(given.thinking) + len(given.answer)))


def test_a_trace_without_its_answer_in_the_thinking_counts_as_such():
    lost = shape(subject(sum_task(1, 2), "We add.\n\nWait.", "\\boxed{3}").trace, ["3"], TRANSITIONS)
    assert (lost.answer_at, lost.tokens_after, lost.thoughts_after) == (None, None, None)
    both = shapes([lost, shape(long_trace(1, 2).trace, ["3"], TRANSITIONS)])
    assert (both.traces, both.found, both.answer_at.count) == (2, 1, 1)
    assert 0 < both.share_after < 1


def test_spreads_have_mean_median_and_deciles():
    found = spread([float(i) for i in range(101)])
    assert (found.count, found.mean, found.median) == (101, 50.0, 50.0)
    assert found.deciles == tuple(float(i) for i in range(10, 100, 10))
    assert spread([]) == Spread(0, 0.0, 0.0, (0.0,) * 9)
    assert spread([7]) == Spread(1, 7.0, 7.0, (7.0,) * 9)


def test_wrong_real_traces_switch_thoughts_many_times_as_often(shared_data):
    rows = pq.read_table(shared_data / "reasoning_traces.parquet", columns=["response", "verdict"]).to_pylist()
    counts = {True: [], False: []}
    for row in rows:
        counts[row["verdict"]].append(len(segment(row["response"].partition("</think>")[0], TRANSITIONS).thoughts))
    assert spread(counts[False]).median > 5 * spread(counts[True]).median
