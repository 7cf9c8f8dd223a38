"""What only a solver can say: whether a formula is satisfiable, and whether some of its clauses are a MUS.

A MUS (minimal unsatisfiable subset) is a set of clauses that no assignment satisfies together, while any of them can be
dropped so that one does. The solver (Glucose, through pysat) counts conflicts against a budget; a wall clock, where
one is wanted, is held by `verifiers.pool`.
"""

from collections.abc import Sequence
from functools import lru_cache

from verifiers.dimacs import Cnf

CONFLICTS = 1_000_000
"""Conflicts that one question may cost: some ten seconds on hard formulas."""

CHEAP_CONFLICTS = 500
"""What a formula of CHEAP_LITERALS may cost where nobody holds a clock: a few milliseconds."""

CHEAP_LITERALS = 5_000


class BudgetSpent(Exception):
    """The solver reached its budget of conflicts without an answer."""


def satisfiable(formula: Cnf, conflicts: int = CONFLICTS) -> bool:
    """Tells whether some assignment satisfies a formula; raises BudgetSpent. Answers are remembered."""
    known = _satisfiable(formula, conflicts)
    if known is None:
        raise BudgetSpent(f"the solver reached its budget of {conflicts} conflicts")
    return known


def cheap(formula: Cnf) -> bool:
    """Tells whether a formula is small enough for `satisfiable` with CHEAP_CONFLICTS in the calling process."""
    return sum(map(len, formula.clauses)) <= CHEAP_LITERALS


@lru_cache(maxsize=1024)
def _satisfiable(formula: Cnf, conflicts: int) -> bool | None:
    from pysat.solvers import Glucose42

    with Glucose42(bootstrap_with=formula.clauses) as solver:
        solver.conf_budget(conflicts)
        return solver.solve_limited(expect_interrupt=True)  # else it would take over Ctrl-C


def not_a_mus(formula: Cnf, numbers: Sequence[int], conflicts: int = CONFLICTS) -> str | None:
    """Gives why clauses, by their numbers from 1, are no MUS of a formula; None where they are one.

    Raises BudgetSpent where all questions together cost more than `conflicts`.
    """
    from pysat.solvers import Glucose42

    first_selector = formula.variables + 1
    selectors = list(range(first_selector, first_selector + len(numbers)))
    with Glucose42() as solver:
        for selector, number in zip(selectors, numbers, strict=True):
            solver.add_clause([*formula.clauses[number - 1], -selector])

        def holds(chosen: list[int]) -> bool:
            spent = solver.accum_stats()["conflicts"]
            solver.conf_budget(max(conflicts - spent, 1))
            answer = solver.solve_limited(assumptions=chosen, expect_interrupt=True) if spent < conflicts else None
            if answer is None:
                raise BudgetSpent(f"the solver reached its budget of {conflicts} conflicts")
            return bool(answer)

        if holds(selectors):
            return "these clauses can be satisfied together"
        for i, number in enumerate(numbers):
            if not holds(selectors[:i] + selectors[i + 1 :]):
                return f"not minimal: the others are unsatisfiable without clause {number}"
    return None
