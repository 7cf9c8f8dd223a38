"""A rollout is taken exactly when the published rule says so."""

from hypothesis import given
from hypothesis import strategies as st

from generators.retro_search.reviser import NOTHING
from generators.retro_search.revision import Tried
from generators.retro_search.rollouts import Rollout
from generators.retro_search.value import accept, better, summed_up, value

counts = st.integers(1, 60)
gammas = st.floats(0.5, 0.99)


def _tried(steps, outcome="correct", index=0, tokens=10):
    rollout = Rollout(index, "", "", None, "", steps, 0, tokens, NOTHING, ())
    return Tried(rollout, outcome, "", value(steps, 0.9) if outcome == "correct" else 0.0)


@given(counts, counts, gammas)
def test_one_rollout_is_better_when_it_is_correct_and_has_strictly_fewer_steps(new, old, gamma):
    assert better([new], 1, old, gamma) == (new < old)
    assert not better([], 1, old, gamma)


@given(st.lists(counts, min_size=1, max_size=6), st.integers(0, 6), counts, gammas)
def test_several_are_better_when_their_mean_value_is_higher(right, wrong, old, gamma):
    total = len(right) + wrong
    mean = sum(value(steps, gamma) for steps in right) / total
    gap = mean / value(old, gamma) - 1
    if abs(gap) > 1e-9:  # where they are equal, rounding decides for neither
        assert better(right, total, old, gamma) == (gap > 0)


def test_values_too_small_for_floating_point_still_compare():
    assert value(20_000, 0.9) == 0.0
    assert better([19_999], 1, 20_000, 0.9)
    assert not better([20_000], 1, 20_000, 0.9)
    assert better([1], 64, 20_000, 0.9)


def test_the_shortest_correct_rollout_is_taken_and_the_others_told():
    tried = [_tried(4), _tried(2, tokens=9, index=1), _tried(2, tokens=5, index=2), _tried(9), _tried(1, "wrong")]
    chosen, told = accept(tried, 8, 0.9)
    assert chosen is not None and chosen.rollout.index == 2
    assert [one.outcome for one in told] == ["correct", "correct", "accepted", "not_shorter", "wrong"]


def test_one_lucky_rollout_among_many_wrong_ones_may_lose():
    tried = [_tried(4), *[_tried(1, "wrong") for _ in range(9)]]
    chosen, told = accept(tried, 6, 0.9)
    assert chosen is None
    assert summed_up(told) == "not_better"


def test_a_switch_point_without_a_correct_rollout_says_what_came_nearest():
    assert summed_up([_tried(1, "cut_off"), _tried(1, "wrong")]) == "wrong"
    assert summed_up([_tried(1, "refused"), _tried(1, "refused")]) == "refused"
    assert summed_up([_tried(1, "not_shorter"), _tried(1, "wrong")]) == "not_shorter"
