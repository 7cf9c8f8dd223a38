"""Preference pairs share a prefix, and their better side was verified to be better."""

import pytest

from generators.retro_search.pairs import pairs
from generators.retro_search.segment import count_steps
from tests.generators.retro_search.conftest import long_trace, run
from verifiers.judge import Item, slow


@pytest.fixture(scope="module")
def revisions(url, tmp_path_factory):
    given = [long_trace(a, 7, thoughts=12) for a in range(40)]
    return list(zip(given, run(url, tmp_path_factory.mktemp("pairs"), given, rollouts=3), strict=True))


def _steps(tail):
    return count_steps(tail.thinking) + count_steps(tail.answer)


def _verdict(tail, given):
    return slow(Item("math", tail.answer, given.task.reference, "{}")).verdict


def test_the_chosen_tail_is_correct_and_the_rejected_wrong_or_longer(revisions):
    reasons = set()
    for given, revision in revisions:
        for pair in pairs(revision):
            reasons.add(pair.reason)
            assert _verdict(pair.chosen, given) == "correct"
            assert pair.chosen.value > pair.rejected.value
            if pair.reason == "shorter":
                assert _verdict(pair.rejected, given) == "correct" and _steps(pair.chosen) < _steps(pair.rejected)
            else:
                assert _verdict(pair.rejected, given) == "wrong" and pair.rejected.value == 0
    assert reasons == {"shorter", "right"}


def test_each_acceptance_sets_the_accepted_against_the_replaced_tail(revisions):
    for _, revision in revisions:
        found = list(pairs(revision))
        for point in revision.points:
            if point.outcome == "accepted":
                old = revision.versions[point.version]
                (pair,) = [
                    p for p in found if p.rejected.thinking == old.thinking[point.offset :] and p.switch == point.switch
                ]
                assert pair.prefix + pair.rejected.thinking == old.thinking
                assert pair.reason == "shorter"


def test_what_was_cut_off_or_not_judged_is_on_neither_side(revisions):
    keys = {
        tried.rollout.completions[-1].key
        for _, revision in revisions
        for point in revision.points
        for tried in point.rollouts
        if tried.outcome not in ("accepted", "correct", "not_shorter", "wrong") and tried.rollout.completions
    }
    assert keys
    found = [pair for _, revision in revisions for pair in pairs(revision)]
    assert not keys & {tail.completion_key for pair in found for tail in (pair.chosen, pair.rejected)}
