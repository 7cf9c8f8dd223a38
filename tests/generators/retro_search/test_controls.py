"""Controls cost what the revisions did, and what they find is verified like a revision."""

import asyncio

import pytest

from generators.retro_search.controls import drop_branch_heavy, random_truncation, shortest_of_n
from generators.retro_search.segment import count_steps, segment
from generators.settings import TRANSITIONS
from tests.generators.retro_search.conftest import judge, opened
from tests.generators.serving import scripted_server, stats
from verifiers.judge import Item, slow

CONTROLS = pytest.mark.parametrize("control", [shortest_of_n, random_truncation])


def _run(control, url, root, subjects, budget, **options):
    async def main():
        async with opened(url, root, **options) as reviser:
            return await control(subjects, [budget] * len(subjects), reviser, judge)

    return asyncio.run(main())


@CONTROLS
def test_a_shortened_trace_is_correct_and_has_fewer_steps(url, subjects, tmp_path, control):
    found = _run(control, url, tmp_path, subjects, 150)
    assert sum(one.shortened for one in found) > len(subjects) / 2
    for given, one in zip(subjects, found, strict=True):
        before = count_steps(given.trace.thinking) + count_steps(given.trace.answer)
        assert one.steps == count_steps(one.thinking) + count_steps(one.answer)
        assert slow(Item("math", one.answer, given.task.reference, "{}")).verdict == "correct"
        assert one.steps < before if one.shortened else one.steps == before


@CONTROLS
def test_the_budget_is_spent_and_exceeded_by_one_draw_at_most(url, subjects, tmp_path, control):
    for one in _run(control, url, tmp_path, subjects, 150):
        draws = sum(one.outcomes.values())
        assert one.spent.completion_tokens >= 150
        assert draws > 1 and one.spent.completion_tokens < 150 + 4096


@CONTROLS
def test_a_second_call_asks_for_nothing(url, subjects, tmp_path, control):
    first = _run(control, url, tmp_path, subjects, 60)
    asked = stats(url)["finished"]
    assert _run(control, url, tmp_path, subjects, 60) == first
    assert stats(url)["finished"] == asked


@CONTROLS
def test_what_is_owed_says_why(subjects, tmp_path, control):
    with scripted_server("--mode", "reason", "--faults", "500", "--fault-every", "1") as failing:
        found = _run(control, failing, tmp_path, subjects[:3], 60, client={"retries": 0})
    assert all(one.cause and not one.shortened for one in found)


def test_truncation_keeps_the_trace_s_own_beginning(url, subjects, tmp_path):
    for given, one in zip(subjects, _run(random_truncation, url, tmp_path, subjects, 60), strict=True):
        assert given.trace.thinking.startswith(one.thinking)


def test_the_traces_with_the_most_thoughts_go_until_the_mean_is_reached(subjects):
    traces = [given.trace for given in subjects]
    assert drop_branch_heavy(traces, _thoughts, _tokens, 1e9) == sorted(traces, key=_thoughts)
    mean = sum(trace.completion_tokens for trace in traces) / len(traces)
    kept = drop_branch_heavy(traces, _thoughts, _tokens, mean - 1)
    gone = [trace for trace in traces if trace not in kept]
    assert not kept or sum(trace.completion_tokens for trace in kept) <= (mean - 1) * len(kept)
    assert all(_thoughts(a) <= _thoughts(b) for a in kept for b in gone)


def _tokens(trace):
    return trace.completion_tokens


def _thoughts(trace):
    return len(segment(trace.thinking, TRANSITIONS).thoughts)
