"""Revisions are verified, shorter, explained, bounded and paid for once; on a real HTTP server."""

import pytest

from generators.retro_search.segment import count_steps
from tests.generators.retro_search.conftest import long_trace, run, subject, sum_task
from tests.generators.serving import stats
from verifiers.judge import Item, slow

MODES = ("full", "partial", "tail", "close")


def _steps(trace):
    return count_steps(trace.thinking) + count_steps(trace.answer)


@pytest.mark.parametrize("mode", MODES)
def test_a_revision_is_verified_correct_has_fewer_steps_and_keeps_what_it_says(url, subjects, tmp_path, mode):
    found = run(url, tmp_path, subjects, mode=mode)
    revised = [(s, r) for s, r in zip(subjects, found, strict=True) if r.trace]
    assert len(revised) > len(subjects) / 4
    for given, revision in revised:
        before, after = given.trace, revision.trace
        assert slow(Item("math", after.answer, given.task.reference, "{}")).verdict == "correct"
        assert _steps(after) < _steps(before)
        assert _steps(after) == revision.versions[revision.best].steps
        assert (after.origin, after.parent, after.task_id) == ("retro_search", before.trace_id, before.task_id)
        assert revision.reason == "revised" and not after.truncated
        kept = before.thinking[: revision.versions[revision.best].kept]
        assert kept and after.thinking.startswith(kept.strip())
    for revision in found:
        assert (revision.reason == "revised") == any(point.outcome == "accepted" for point in revision.points)
        assert revision.reason in ("revised", "nothing_accepted")
        asked = [tried.rollout.spent.completion_tokens for point in revision.points for tried in point.rollouts]
        assert revision.spent.completion_tokens == sum(asked)


def test_each_acceptance_makes_the_trace_shorter_again(url, tmp_path):
    found = run(url, tmp_path, [long_trace(a, 7, thoughts=20) for a in range(60)], mode="full")
    assert any(len(revision.versions) > 2 for revision in found)
    for revision in found:
        counts = [version.steps for version in revision.versions]
        assert counts == sorted(set(counts), reverse=True)


def test_full_visits_every_switch_of_the_growing_text_from_left_to_right(url, subjects, tmp_path):
    for revision in run(url, tmp_path, subjects, mode="full"):
        assert [point.switch for point in revision.points] == list(range(len(revision.points)))
        assert revision.ended == ""


def test_tail_and_close_begin_where_the_right_answer_first_stands(url, subjects, tmp_path):
    for mode in ("tail", "close"):
        for given, revision in zip(subjects, run(url, tmp_path, subjects, mode=mode), strict=True):
            first = revision.points[0]
            assert first.switch == 2
            assert f"So the sum is {given.task.reference}." in given.trace.thinking[: first.offset]


def test_partial_tries_one_switch_and_not_the_same_for_all(url, subjects, tmp_path):
    found = run(url, tmp_path, subjects, mode="partial")
    assert {len(revision.points) for revision in found} == {1}
    assert len({revision.points[0].switch for revision in found}) > 3


def test_close_asks_for_an_answer_only_and_ends_at_the_first_that_is_right(url, subjects, tmp_path):
    for given, revision in zip(subjects, run(url, tmp_path, subjects, mode="close"), strict=True):
        assert all(t.rollout.thinking == "" for point in revision.points for t in point.rollouts)
        assert [point.outcome for point in revision.points].count("accepted") <= 1
        if revision.trace:
            assert given.trace.thinking.startswith(revision.trace.thinking)


def test_several_starts_are_kept_as_a_pool_with_the_best_first(url, subjects, tmp_path):
    found = run(url, tmp_path, subjects, starts=4)
    assert any(len(revision.pool) > 1 for revision in found)
    for revision in found:
        pool = [revision.versions[number] for number in revision.pool]
        assert [version.steps for version in pool] == sorted(version.steps for version in pool)
        assert len({version.start for version in pool}) == len(pool)
        assert not pool or revision.trace.thinking == pool[0].thinking


def test_the_budget_of_a_trace_ends_its_search_and_says_so(url, subjects, tmp_path):
    found = run(url, tmp_path, subjects, budget_tokens=40)
    assert any(revision.ended == "budget" for revision in found)
    for revision in found:
        before_last = [t.rollout.spent.completion_tokens for point in revision.points[:-1] for t in point.rollouts]
        assert sum(before_last) < 40
        assert revision.ended == "" or revision.spent.completion_tokens >= 40


def test_a_trace_of_two_thousand_thoughts_is_tried_at_as_many_switches_as_allowed(url, tmp_path):
    wrong = subject(sum_task(1, 2), "\n\n".join(f"Wait, {i}." for i in range(2000)), "so \\boxed{3}")
    (revision,) = run(url, tmp_path, [wrong], max_switches=5)
    assert len(revision.points) <= 5
    assert revision.ended == "switches" or revision.trace


def test_nothing_is_asked_for_twice_by_a_second_call(url, subjects, tmp_path):
    first = run(url, tmp_path, subjects, rollouts=2)
    asked = stats(url)["finished"]
    second = run(url, tmp_path, subjects, rollouts=2)
    assert stats(url)["finished"] == asked
    assert first == second


def test_another_seed_another_parent_and_another_switch_draw_their_own(url, tmp_path):
    twins = [long_trace(5, 6), long_trace(5, 6, thoughts=9)]
    seeds = [
        completion.seed
        for revision in run(url, tmp_path, twins, rollouts=3)
        for point in revision.points
        for tried in point.rollouts
        for completion in tried.rollout.completions
    ]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(
    ("reason", "given"),
    [
        ("not_correct", subject(sum_task(1, 2), "A.\n\nWait, B.", "\\boxed{4}", verdict="wrong")),
        ("truncated", subject(sum_task(1, 2), "A.\n\nWait, B.\n\nWait", "", truncated=True)),
        ("no_thinking", subject(sum_task(1, 2), "", "\\boxed{3}")),
        ("one_thought", subject(sum_task(1, 2), "One plus two.\n\nThat makes 3.", "\\boxed{3}")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_revised_says_why_and_costs_nothing(url, tmp_path, reason, given):
    before = stats(url)["requests"]
    (revision,) = run(url, tmp_path, [given])
    assert (revision.reason, revision.trace, revision.points) == (reason, None, ())
    assert stats(url)["requests"] == before


@pytest.mark.parametrize(
    ("reason", "thinking"),
    [
        ("answer_not_found", "We want 1 plus 2.\n\nWait, count."),
        ("nothing_after", "We want 1 plus 2.\n\nWait, count.\n\nSo the sum is 3."),
    ],
)
def test_tail_and_close_say_where_there_is_no_place_to_begin(url, tmp_path, reason, thinking):
    for mode in ("tail", "close"):
        (revision,) = run(url, tmp_path, [subject(sum_task(1, 2), thinking, "\\boxed{3}")], mode=mode)
        assert (revision.reason, revision.points) == (reason, ())
