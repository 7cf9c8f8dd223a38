"""What the solver says agrees with all assignments tried one by one, and it never runs without an end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import unsat
from verifiers.dimacs import Cnf

formulas = st.lists(
    st.lists(st.integers(1, 4).flatmap(lambda v: st.sampled_from((v, -v))), min_size=1, max_size=3).map(tuple),
    min_size=1,
    max_size=9,
).map(lambda clauses: Cnf(4, tuple(clauses)))


def brute_force(clauses):
    return any(
        all(any((literal > 0) == bits[abs(literal) - 1] for literal in clause) for clause in clauses)
        for bits in itertools.product((False, True), repeat=4)
    )


@given(formulas)
def test_satisfiable_is_what_trying_all_assignments_finds(formula):
    assert unsat.satisfiable(formula) == brute_force(formula.clauses)


@given(formulas, st.data())
def test_a_mus_is_unsatisfiable_and_each_clause_of_it_is_needed(formula, data):
    numbers = data.draw(st.lists(st.integers(1, len(formula.clauses)), unique=True, min_size=1))
    chosen = [formula.clauses[number - 1] for number in numbers]
    is_mus = not brute_force(chosen) and all(brute_force(chosen[:i] + chosen[i + 1 :]) for i in range(len(chosen)))
    assert (unsat.not_a_mus(formula, numbers) is None) == is_mus


def pigeons(holes: int) -> Cnf:
    """One pigeon more than holes: unsatisfiable, minimal, and exponentially hard for a solver of clauses."""
    variable = {(p, h): p * holes + h + 1 for p in range(holes + 1) for h in range(holes)}
    clauses = [tuple(variable[p, h] for h in range(holes)) for p in range(holes + 1)]
    for h in range(holes):
        clauses += [(-variable[a, h], -variable[b, h]) for a, b in itertools.combinations(range(holes + 1), 2)]
    return Cnf(holes * (holes + 1), tuple(clauses))


def test_the_pigeons_of_a_small_loft_are_a_mus():
    formula = pigeons(4)
    assert unsat.not_a_mus(formula, range(1, len(formula.clauses) + 1)) is None


@pytest.mark.parametrize("ask", [unsat.satisfiable, lambda f, n: unsat.not_a_mus(f, range(1, len(f.clauses) + 1), n)])
def test_a_formula_that_is_too_hard_ends_with_its_budget(ask):
    with pytest.raises(unsat.BudgetSpent, match="2000 conflicts"):
        ask(pigeons(11), 2000)
