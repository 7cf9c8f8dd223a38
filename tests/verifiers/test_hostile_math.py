"""Answers made to hang a computer algebra: each gets a verdict by the deadline, and the next one is judged as ever."""

import random

import pytest

from verifiers.judge import Item
from verifiers.pool import Pool

COUNT = 120

ATOMS = ("x", "y", "7", "\\pi", "e", "123456789", "\\sqrt{2}", "0.1", "\\infty", "i", "(x+1)")
WRAPS = (
    "({a})^{{{b}}}",
    "\\frac{{{a}}}{{{b}}}",
    "\\sqrt[{n}]{{{a}}}",
    "\\sin({a}) \\cos({b})",
    "\\log_{{{a}}}({b})",
    "({a})!",
    "\\binom{{{a}}}{{{b}}}",
    "\\sum_{{k=1}}^{{{n}}} ({a})^k",
    "\\prod_{{k=1}}^{{{n}}} ({a} + k)",
    "\\int_0^{{{n}}} {a} \\, dx",
    "\\lim_{{x \\to {n}}} \\frac{{{a}}}{{{b}}}",
    "\\begin{{pmatrix}} {a} & {b} \\\\ {b} & {a} \\end{{pmatrix}}",
    "|{a} - {b}|",
    "({a} + {b})^{{{n}}}",
    "{a} = {b}",
    "{a} < {b}",
    "\\{{{a}, {b}\\}}",
    "({a}, {b})",
    "{a} \\bmod {n}",
    "\\text{{{a}}}",
    "\\arctan({a})^{{\\tan({b})}}",
)


def hostile(chance: random.Random, depth: int) -> str:
    if depth == 0:
        return chance.choice(ATOMS)
    a, b = (hostile(chance, depth - 1) for _ in "ab")
    return chance.choice(WRAPS).format(a=a, b=b, n=chance.choice((2, 2, 3, 3, 5, 8, 17, 60, 999, 10**6)))


@pytest.fixture(scope="module")
def pool():
    with Pool(workers=2, deadline_s=2) as pool:
        yield pool


def test_made_up_hostile_answers_get_a_verdict_by_the_deadline(pool):
    chance = random.Random(3)
    sides = [(hostile(chance, 1 + i % 4), hostile(chance, 1 + i % 3)) for i in range(COUNT)]
    items = [Item("math", f"\\boxed{{{answer}}}", reference, "{}") for answer, reference in sides]
    judged = pool.judge_many([*items, Item("math", "\\boxed{x^2 - 1}", "(x-1)(x+1)", "{}")])
    allowed = {"correct", "wrong", "unparsable", "bad_reference", "timeout", "memory"}
    assert {one.verdict for one in judged} <= allowed
    assert judged[-1].verdict == "correct"
    assert max(one.ms for one in judged) < 60_000


def test_hostile_answers_are_never_equal_to_a_plain_number(pool):
    chance = random.Random(4)
    items = [Item("math", f"\\boxed{{{hostile(chance, 3)}}}", "123457", "{}") for _ in range(COUNT)]
    assert "correct" not in {one.verdict for one in pool.judge_many(items)}


def test_hostile_answers_are_equal_or_not_whichever_is_the_reference(pool):
    chance = random.Random(5)
    pairs = [(hostile(chance, 1), hostile(chance, 1)) for _ in range(COUNT)]
    pairs += [(f"({text})^2 - 1", f"-1 + ({text}) \\cdot ({text})") for text, _ in pairs]
    there = pool.judge_many([Item("math", f"\\boxed{{{a}}}", b, "{}") for a, b in pairs])
    back = pool.judge_many([Item("math", f"\\boxed{{{b}}}", a, "{}") for a, b in pairs])
    late = {"timeout", "memory"}
    faults = [
        (pair, one.verdict, two.verdict)
        for pair, one, two in zip(pairs, there, back, strict=True)
        if (one.verdict == "correct") != (two.verdict == "correct") and not late & {one.verdict, two.verdict}
    ]
    assert not faults
    assert [one.verdict for one in there].count("correct") > 10
