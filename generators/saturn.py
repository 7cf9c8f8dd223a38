"""Satisfiable n-SAT tasks with a planted solution (SATURN, arXiv 2505.16368), in the published text and prompt shape.

A solution is drawn, then l different clauses straight from the C(k,n) * (2^n - 1) that it satisfies, each as likely as
any other; the published builder draws from a pool of 10,000 pairs, which leaves few solutions and shared clauses for
k >= 7. Literals stand in variable order and clauses are sorted as text, both as published: the order is a function of
the set of clauses, so it tells nothing of the solution, equal formulas have equal texts, and pass rates compare with
the published ones.
What the draw does not do: make the solution unique, or hide the planted one from a majority vote over signs.
"""

import json
import math
import random
from collections.abc import Iterator
from functools import lru_cache

from catalog.errors import UserError
from catalog.ids import canonical_json, seed_for, task_id
from catalog.records import Task
from generators.formula import Formula, solutions, solves
from generators.isomorphism import structure
from generators.settings import SaturnSettings

ATTEMPTS = 1000
"""Draws for one task, all of them like earlier tasks, after which the space counts as used up."""

_PROMPT = r"""Find a satisfying assignment for the Boolean formula that the JSON object below describes. Its fields:

- "n_sat": how many literals each clause has.
- "k": how many variables there are, named by capital letters in order: A, B, C, ...
- "clause": the formula. " & " (and) joins the clauses, all of which must hold. The literals of a clause are written side by side (or): at least one of them must be true. "!" in front of a variable negates it.

Write the assignment as {k} characters, one for each variable in order: 1 for true, 0 for false. Where several assignments work, any one of them is right. Think step by step, and end with the assignment in \boxed{}.

For instance, {"n_sat": 2, "k": 3, "clause": "!A!C & A!B & BC"} is solved by \boxed{110}.

The formula to satisfy:
"""  # noqa: E501


def generate(settings: SaturnSettings, recipe_seed: int, index: int) -> Iterator[Task]:
    """Gives `count` tasks of one level, no two of the same structure; task i does not depend on `count`.

    Raises UserError for a level that has no formula, and once ATTEMPTS draws bring nothing that is not there yet.
    """
    n, k, l = settings.n, settings.k, settings.l  # noqa: E741
    if n > k:
        raise UserError(f"saturn({n},{k},{l}) has clauses of {n} literals but only {k} variables: raise k or lower n.")
    if l > math.comb(k, n) * (2**n - 1):
        raise UserError(
            f"saturn({n},{k},{l}) asks for {l} clauses, but a solution satisfies only {math.comb(k, n) * (2**n - 1)}: "
            "lower l, or raise k."
        )
    seen: set[str] = set()
    for item in range(settings.count):
        rng = random.Random(seed_for(recipe_seed, f"tasks-{index}-saturn", item))
        for _ in range(ATTEMPTS):
            task = to_task(*draw(n, k, l, rng), n, source=f"saturn({n},{k},{l})", license="CC0-1.0")
            if task.structure not in seen:
                break
        else:
            raise UserError(
                f"saturn({n},{k},{l}) has no more than about {len(seen)} formulas of different structure, and the "
                f"recipe asks for {settings.count}: lower count, or raise k or l."
            )
        seen.add(str(task.structure))
        yield task


def draw(n: int, k: int, l: int, rng: random.Random) -> tuple[Formula, str]:  # noqa: E741
    """Gives a formula and its planted solution, both uniform: the solution over all, the clauses over its own."""
    solution = format(rng.getrandbits(k), f"0{k}b")
    false = [2 * variable + (value == "1") for variable, value in enumerate(solution)]
    patterns = 2**n - 1
    clauses = []
    for number in rng.sample(range(math.comb(k, n) * patterns), l):
        # Bit j of the pattern, in 1 .. 2^n - 1, says that literal j agrees with the solution: at least one does.
        rank, pattern = divmod(number, patterns)
        pattern += 1
        clauses.append(tuple([false[v] ^ (pattern >> j & 1) for j, v in enumerate(_variables(k, n, rank))]))
    # The order of their texts, without the texts: "!" comes before every letter.
    clauses.sort(key=lambda clause: [literal // 2 if literal % 2 else k + literal // 2 for literal in clause])
    return Formula(k, tuple(clauses)), solution


@lru_cache(maxsize=1 << 16)
def _variables(k: int, n: int, rank: int) -> tuple[int, ...]:
    """Gives the n-element subset of range(k) with this rank in lexicographic order, ascending."""
    chosen: list[int] = []
    for variable in range(k):
        with_it = math.comb(k - variable - 1, n - len(chosen) - 1)
        if rank < with_it:
            chosen.append(variable)
            if len(chosen) == n:
                break
        else:
            rank -= with_it
    return tuple(chosen)


def to_task(formula: Formula, solution: str, n: int, *, source: str, license: str) -> Task:
    """Gives the task of a formula, with its exact number of solutions and guess rate.

    Raises ValueError, in one line, where `solution` is not k characters 0 or 1 that satisfy it.
    """
    if not solves(solution, formula):
        raise ValueError(f"{solution[:40]!r} is no solution of the formula")
    n_solutions = solutions(formula).bit_count()
    text, what = prompt(formula, n), spec(formula, n, n_solutions)
    return Task(
        task_id=task_id("sat", text, solution, "sat", what),
        domain="sat",
        prompt=text,
        reference=solution,
        verifier="sat",
        spec=what,
        difficulty=difficulty(n, formula.k, len(formula.clauses)),
        guess_rate=n_solutions / 2**formula.k,
        structure=structure(formula),
        source=source,
        license=license,
    )


def spec(formula: Formula, n: int, n_solutions: int) -> str:
    """Gives the spec of a SAT task as JSON text."""
    l = len(formula.clauses)  # noqa: E741
    return canonical_json({"n": n, "k": formula.k, "l": l, "clauses": str(formula), "n_solutions": n_solutions})


def prompt(formula: Formula, n: int) -> str:
    """Gives the problem as the teacher reads it: fields, notation and answer as in the published prompt."""
    question = json.dumps({"n_sat": n, "k": formula.k, "clause": str(formula)})
    return _PROMPT.replace("{k}", str(formula.k)) + question


def difficulty(n: int, k: int, l: int) -> float:  # noqa: E741
    """Gives the paper's estimate D(n,k,l) (equation 2); it ranks levels only roughly."""
    return math.log2(k) + 2 * math.log2(l) - n + k / n
