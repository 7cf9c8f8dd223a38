"""SATURN's tasks: satisfiable, counted exactly, written as published, no two of the same structure."""

import gzip
import itertools
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysat.solvers import Cadical153

from catalog.errors import UserError
from catalog.ids import task_id
from generators.formula import Formula, parse, solutions, solves
from generators.isomorphism import canonical, structure
from generators.saturn import difficulty, draw, generate
from generators.settings import SaturnSettings

LEVELS = [(3, 5, 5), (3, 5, 13), (4, 7, 40), (1, 4, 3), (3, 10, 20), (5, 8, 40)]


def section(n, k, l, count):  # noqa: E741
    return SaturnSettings(generator="saturn", n=n, k=k, l=l, count=count)


def by_enumeration(text, k):
    """Solutions of a formula, found without the code under test."""
    clauses = [
        [(ord(name) - 65, sign == "") for sign, name in zip(*[iter(_pieces(part))] * 2, strict=True)]
        for part in text.split(" & ")
    ]
    return [
        "".join("01"[bit] for bit in bits)
        for bits in itertools.product((False, True), repeat=k)
        if all(any(bits[variable] == value for variable, value in clause) for clause in clauses)
    ]


def _pieces(clause):
    sign = ""
    for character in clause:
        if character == "!":
            sign = "!"
        else:
            yield from (sign, character)
            sign = ""


@st.composite
def formulas(draw_from):
    k = draw_from(st.integers(1, 7))
    n = draw_from(st.integers(1, min(k, 4)))
    most = min(12, math.comb(k, n) * (2**n - 1))
    formula, _ = draw(n, k, draw_from(st.integers(1, most)), random.Random(draw_from(st.integers(0, 2**32))))
    return n, formula


def renamed(formula, rng):
    """The same formula under other names, signs and orders."""
    names, flips = rng.sample(range(formula.k), formula.k), [rng.getrandbits(1) for _ in range(formula.k)]
    clauses = [[2 * names[x // 2] + (x % 2 ^ flips[x // 2]) for x in clause] for clause in formula.clauses]
    for clause in clauses:
        rng.shuffle(clause)
    rng.shuffle(clauses)
    return Formula(formula.k, tuple(map(tuple, clauses)))


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_every_formula_is_what_the_section_asks_for_and_a_solver_agrees(level):
    n, k, l = level  # noqa: E741
    for task in generate(section(n, k, l, 1 if n == 1 else 25), 3, 0):
        spec = json.loads(task.spec)
        assert list(spec) == sorted(["n", "k", "l", "clauses", "n_solutions"])
        assert (spec["n"], spec["k"], spec["l"]) == level
        found = by_enumeration(spec["clauses"], k)
        assert task.reference in found
        assert spec["n_solutions"] == len(found)
        assert task.guess_rate == len(found) / 2**k
        assert task.difficulty == pytest.approx(math.log2(k) + 2 * math.log2(l) - n + k / n)
        formula = parse(spec["clauses"], n, k)
        assert len({frozenset(clause) for clause in formula.clauses}) == l
        with Cadical153([[(x // 2 + 1) * (-1 if x % 2 else 1) for x in c] for c in formula.clauses]) as solver:
            assert solver.solve(assumptions=[(i + 1) * (1 if v == "1" else -1) for i, v in enumerate(task.reference)])
        assert (task.verifier, task.domain, task.license) == ("sat", "sat", "CC0-1.0")
        assert task.source == f"saturn({n},{k},{l})"
        assert task.task_id == task_id("sat", task.prompt, task.reference, "sat", task.spec)


def test_clauses_are_sorted_as_text_and_their_literals_by_variable_as_published():
    for task in generate(section(3, 7, 20, 20), 1, 0):
        parts = json.loads(task.spec)["clauses"].split(" & ")
        assert parts == sorted(parts)
        for part in parts:
            assert part.replace("!", "") == "".join(sorted(part.replace("!", "")))


def test_the_prompt_ends_with_the_published_json_object():
    task = next(generate(section(3, 5, 13, 1), 1, 0))
    question = json.loads(task.prompt.splitlines()[-1])
    assert question == {"n_sat": 3, "k": 5, "clause": json.loads(task.spec)["clauses"]}
    assert r"\boxed{" in task.prompt and "5 characters" in task.prompt


def test_the_worked_example_of_the_prompt_is_right():
    assert "!A!C & A!B & BC" in next(generate(section(3, 5, 13, 1), 1, 0)).prompt
    assert solves("110", parse("!A!C & A!B & BC", 2, 3))


def test_clauses_are_drawn_evenly_from_all_that_the_solution_satisfies():
    rng = random.Random(0)
    counts = {}
    for _ in range(4000):
        formula, solution = draw(2, 4, 2, rng)
        agreement = frozenset(
            tuple((x // 2, (solution[x // 2] == "1") != x % 2) for x in clause) for clause in formula.clauses
        )
        for clause in agreement:
            counts[clause] = counts.get(clause, 0) + 1
    assert len(counts) == math.comb(4, 2) * 3
    mean = 8000 / len(counts)
    assert all(abs(count - mean) < 5 * math.sqrt(mean) for count in counts.values())


def test_a_task_does_not_depend_on_the_count_but_on_recipe_seed_and_section():
    few, many = list(generate(section(3, 5, 13, 5), 1, 0)), list(generate(section(3, 5, 13, 30), 1, 0))
    assert many[:5] == few
    for seed, index in ((2, 0), (1, 1)):
        others = list(generate(section(3, 5, 13, 30), seed, index))
        assert not {t.task_id for t in many} & {t.task_id for t in others}


def test_no_two_tasks_of_a_section_share_a_structure():
    tasks = list(generate(section(3, 4, 3, 20), 1, 0))  # of about 24 that there are
    assert len({task.structure for task in tasks}) == 20


def test_a_used_up_space_is_the_users_to_mend_and_says_how_many_there_are():
    # Two clauses on two of two variables: equal up to names and signs, or differing in one sign, or in both.
    with pytest.raises(UserError, match=r"no more than about 2 formulas .* lower count"):
        list(generate(section(2, 2, 2, 9), 1, 0))


@pytest.mark.parametrize(("level", "words"), [((6, 5, 5), "raise k or lower n"), ((3, 5, 71), "only 70")])
def test_a_level_without_formulas_is_refused_with_the_way_out(level, words):
    with pytest.raises(UserError, match=words):
        next(generate(section(*level, 1), 1, 0))
    assert next(generate(section(3, 5, 70, 1), 1, 0)).guess_rate == 1 / 32  # the fullest formula has one solution


@pytest.mark.parametrize("name", ["saturn_sat_train.jsonl.gz", "saturn_sat_test_half.jsonl.gz"])
def test_published_formulas_are_read_as_written_and_have_the_published_number_of_solutions(shared_data, name):
    with gzip.open(shared_data / name, "rt") as file:
        for row in map(json.loads, file):
            formula = parse(row["clause"], row["n"], row["k"])
            assert str(formula) == row["clause"]
            assert len(formula.clauses) == row["l"]
            assert solutions(formula).bit_count() == row["n_solutions"]
            assert solves(row["solution"], formula)


def test_difficulty_is_the_papers():
    published = {(6, 7, 40): 8.62, (3, 5, 20): 9.63, (3, 7, 40): 12.79, (3, 5, 25): 10.28}
    assert {level: difficulty(*level) for level in published} == pytest.approx(published, abs=0.01)


@given(formulas())
@settings(max_examples=150, deadline=None)
def test_text_and_formula_are_one_to_one(case):
    n, formula = case
    assert parse(str(formula), n, formula.k) == formula


@given(formulas())
@settings(max_examples=60, deadline=None)
def test_counting_agrees_with_enumeration(case):
    _, formula = case
    expected = by_enumeration(str(formula), formula.k)
    found = solutions(formula)
    assert [format(a, f"0{formula.k}b") for a in range(2**formula.k) if found >> a & 1] == expected
    assert all(solves(assignment, formula) for assignment in expected)


@given(
    st.text(alphabet="ABCDEFZ!& ab1\n", max_size=60) | st.text(max_size=30), st.integers(-1, 25), st.integers(-1, 25)
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_formula_or_a_value_error(text, n, k):
    try:
        assert str(parse(text, n, k)) == text
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("assignment", ["", "1", "1101", "11 ", "1_1", "0b1", "１１１", "2" * 3])
def test_only_exactly_k_zeros_and_ones_solve(assignment):
    assert not solves(assignment, parse("A & B & C", 1, 3))


@given(formulas(), st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_the_structural_key_is_blind_to_names_signs_and_order(case, seed):
    _, formula = case
    assert structure(renamed(formula, random.Random(seed))) == structure(formula)


@pytest.mark.parametrize(("n", "k", "l"), [(1, 3, 3), (2, 3, 2), (2, 3, 3), (3, 3, 4), (2, 4, 2)])
def test_equal_keys_mean_isomorphic_and_the_other_way_round(n, k, l):  # noqa: E741
    """All formulas of a small size, against a search over all renamings."""
    every = [
        tuple(2 * v + s for v, s in zip(names, signs, strict=True))
        for names in itertools.combinations(range(k), n)
        for signs in itertools.product((0, 1), repeat=n)
    ]
    renamings = [
        [2 * names[x // 2] + (x % 2 ^ flips[x // 2]) for x in range(2 * k)]
        for names in itertools.permutations(range(k))
        for flips in itertools.product((0, 1), repeat=k)
    ]
    pairs = set()
    for clauses in itertools.combinations(every, l):
        smallest = min(tuple(sorted(sum(1 << m[x] for x in clause) for clause in clauses)) for m in renamings)
        pairs.add((smallest, structure(Formula(k, clauses))))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@pytest.mark.parametrize(("n", "k", "l"), [(1, 20, 15), (3, 20, 5), (2, 12, 3)])
def test_even_past_the_bound_the_key_is_a_renaming_of_the_formula(n, k, l):  # noqa: E741
    """Very symmetric formulas exceed the candidates that are tried; their keys still say no more than is true."""
    formula, _ = draw(n, k, l, random.Random(5))
    back = Formula(k, tuple(tuple(i for i in range(2 * k) if mask >> i & 1) for mask in canonical(formula)))
    assert solutions(back).bit_count() == solutions(formula).bit_count()
    assert structure(back) == structure(formula)


def test_a_variable_that_is_never_used_counts_towards_the_structure():
    assert structure(parse("A & B", 1, 2)) != structure(parse("A & B", 1, 3))
