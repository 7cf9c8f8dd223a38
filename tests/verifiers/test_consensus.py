"""A vote's winner is the answer that most agree on, in whatever order; what cannot be compared wins nothing."""

import gzip
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import consensus, judge
from verifiers.consensus import Ballot, answer_of, item, vote, votes
from verifiers.pool import Pool

CASES = [json.loads(line) for line in (Path(__file__).parent / "consensus_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_vote_groups_equal_answers_and_names_the_heaviest(case):
    found = vote(case["answers"], case.get("weights"), case.get("kind"))
    assert found.winner == case["winner"]
    assert found.share == pytest.approx(case["share"])
    groups = [list(group.members) for group in found.groups]
    assert (sorted(groups) if case.get("unordered") else groups) == (
        sorted(case["groups"]) if case.get("unordered") else case["groups"]
    )
    assert list(found.abstained) == case.get("abstained", [])


def test_entropy_is_in_bits_over_those_who_answered():
    assert vote(["1", "1", None]).entropy == 0
    assert vote(["1", "2"]).entropy == 1
    assert vote(["1", "2", "3", "4", None]).entropy == 2
    assert vote(["1", "2"], [3, 1]).entropy == pytest.approx(0.811278, abs=1e-6)


ANSWERS = st.sampled_from(["1", "1.0", "2/2", "2", "50\\%", "0.5", "1/2", "50", "x", None, "", "\\frac{1"])


@given(st.lists(ANSWERS, max_size=12).flatmap(lambda given: st.tuples(st.just(given), st.permutations(given))))
def test_the_order_of_the_responses_changes_nothing(orders):
    there, back = vote(orders[0]), vote(orders[1])
    assert (there.winner, there.share, sorted(group.answer for group in there.groups)) == (
        back.winner,
        back.share,
        sorted(group.answer for group in back.groups),
    )
    assert there.entropy == pytest.approx(back.entropy)


@given(st.lists(ANSWERS, max_size=12))
def test_everyone_is_in_one_group_or_abstains(answers):
    found = vote(answers)
    members = [position for group in found.groups for position in group.members]
    assert sorted([*members, *found.abstained]) == list(range(len(answers)))
    assert 0 <= found.share <= 1
    assert 0 <= found.entropy <= math.log2(max(1, len(found.groups))) + 1e-9
    if found.winner is not None:
        assert all(found.groups[0].weight > group.weight for group in found.groups[1:])


@given(st.lists(ANSWERS, min_size=1, max_size=8), st.integers(1, 5))
def test_a_weight_is_as_good_as_so_many_responses(answers, times):
    weighted = vote(answers, [times] + [1] * (len(answers) - 1))
    repeated = vote([answers[0]] * times + answers[1:])
    assert weighted.winner == repeated.winner
    assert weighted.share == pytest.approx(repeated.share)
    assert weighted.entropy == pytest.approx(repeated.entropy)


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, math.nan], [1, math.inf], [1, 1, 1]])
def test_weights_that_are_none_are_told(weights):
    with pytest.raises(ValueError, match="weight"):
        vote(["1", "2"], weights)


SLOW = tuple(f"\\sum_{{k=1}}^{{1000}} \\frac{{1}}{{k^2+x+{n}}}" for n in range(3))
"""Sums within all limits; two of them take the algebra a second."""


def test_answers_whose_comparison_is_killed_at_its_deadline_decide_no_vote():
    # 5 has two of five, and the other three might be one answer: that nobody knows
    with Pool(workers=2, deadline_s=0.02) as pool:
        ballots = [Ballot(("5", "5", *SLOW)), Ballot(("5", "5", "5", *SLOW[:2]))]
        apart, past_a_half = votes(ballots, pool.judge_many)
    assert apart.undecided > 0 and apart.winner is None
    assert past_a_half.undecided > 0 and past_a_half.winner == "5"


def test_a_vote_over_very_many_writings_ends_and_says_that_it_compared_only_some():
    answers = [str(n) for n in range(consensus.MAX_WRITINGS + 50)] + ["7"]
    found = vote(answers)
    assert len(found.groups) == consensus.MAX_WRITINGS + 50 and found.undecided == 50
    assert found.winner is None  # 7 has two, and fifty writings were never compared


@pytest.mark.parametrize(
    ("response", "verifier", "spec", "answer"),
    [
        ("So \\boxed{\\frac12}.", "math", "{}", "\\frac12"),
        ("The answer is 5.", "math", "{}", "5"),
        ("<think>\\boxed{5}", "math", "{}", None),
        ("\\boxed{5", "math", "{}", None),
        ("", "math", "{}", None),
        ("\\boxed{" + "1" * 5_000 + "}", "math", "{}", None),
        ("Answer: D and B", "choice", "{}", "B, D"),
        ("Answer: 12", "choice", '{"choices": ["10", "12"]}', "B"),
        ("Answer: 12", "math", '{"kind": "choice", "choices": ["10", "12"]}', "B"),
        ("Answer: 12", "choice", '{"choices": 5}', None),
        ("Answer: the Nile", "text", "{}", "the Nile"),
        ("Answer: the Nile", "text", "{oops", None),
        ("\x00" * 1_000_000, "math", "{}", None),
    ],
)
def test_a_response_votes_for_what_its_verifier_reads(response, verifier, spec, answer):
    assert answer_of(response, verifier, spec) == answer


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_texts_can_be_voted_on(a, b):
    texts = [answer_of(text, verifier) for text in (a, b) for verifier in consensus.VOTED]
    ballot = Ballot((*texts, a, b), None, "text")
    found = votes([ballot], lambda items: [judge.slow(one) for one in items])[0]
    assert 0 <= found.share <= 1


def rows(path: Path) -> list[dict]:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("name", "most"), [("qwen_math_cot_verdicts", 0.96), ("gsm8k_model_solutions", 0.7)])
def test_majorities_of_real_solutions_are_right_more_often_than_the_solutions(shared_data, name, most):
    data = rows(shared_data / f"{name}.jsonl.gz")
    tasks: dict[str, list[dict]] = {}
    for row in data:
        tasks.setdefault(row["question"], []).append(row)
    ballots = [Ballot(tuple(answer_of(row["response"]) for row in group)) for group in tasks.values()]
    with Pool(workers=2, deadline_s=20) as pool:
        found = votes(ballots, pool.judge_many)
        won = [
            item("math", vote.winner, group[0]["gold"], "{}")
            for vote, group in zip(found, tasks.values(), strict=True)
            if vote.winner is not None and vote.share >= 0.5 and len(vote.groups[0].members) >= 2
        ]
        right = sum(judged.verdict == "correct" for judged in pool.judge_many(won)) / len(won)
    assert len(won) > 30
    assert right >= most
    assert right > sum(row["verdict"] for row in data) / len(data)
