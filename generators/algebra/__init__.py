"""Algebra tasks built backwards from an answer, in seven kinds and five levels.

The answer comes first and plain integers and fractions do the rest, so that generation needs no computer algebra; the
tests solve every printed problem again with sympy. Each prompt says in which form the answer is due, and the spec
says of which kind it is: integer, rational, expression, set or tuple.
"""

import random
from collections.abc import Callable, Iterator

from catalog.errors import UserError
from catalog.ids import canonical_json, digest, seed_for, task_id
from catalog.records import Task
from generators.algebra.calculus import definite_sum, derivative
from generators.algebra.counting import counting
from generators.algebra.equations import linear, quadratic
from generators.algebra.modular import modular
from generators.algebra.problem import Problem
from generators.algebra.systems import system
from generators.settings import AlgebraSettings

ATTEMPTS = 1000
"""Draws for one task, all of them like earlier tasks, after which a kind's level counts as used up."""

KINDS: dict[str, Callable[[random.Random, int], Problem]] = {
    "linear": linear,
    "quadratic": quadratic,
    "system": system,
    "modular": modular,
    "derivative": derivative,
    "sum": definite_sum,
    "counting": counting,
}


def generate(settings: AlgebraSettings, recipe_seed: int, index: int) -> Iterator[Task]:
    """Gives `count` tasks, going round over kinds and levels, no two with the same numbers; task i does not depend on
    `count`.

    Raises UserError for a level outside 1 to 5, for no kinds or levels, and once ATTEMPTS draws for a kind and level
    bring nothing that is not there yet.
    """
    cells = [(kind, level) for level in dict.fromkeys(settings.levels) for kind in dict.fromkeys(settings.kinds)]
    if not cells:
        raise UserError("The algebra section names no kinds or no levels: leave the key out to have all of them.")
    for level in settings.levels:
        if not 1 <= level <= 5:
            raise UserError(f"The algebra section asks for level {level}: levels go from 1 to 5.")
    seen: set[str] = set()
    for item in range(settings.count):
        kind, level = cells[item % len(cells)]
        rng = random.Random(seed_for(recipe_seed, f"tasks-{index}-algebra", item))
        for _ in range(ATTEMPTS):
            problem = KINDS[kind](rng, level)
            structure = digest("algebra", problem.structure)
            if structure not in seen:
                break
        else:
            raise UserError(
                f"algebra/{kind}/{level} has no problem left after about {item // len(cells)} different ones: lower "
                "count, or name more kinds or levels."
            )
        seen.add(structure)
        yield to_task(problem, structure, kind, level)


def to_task(problem: Problem, structure: str, kind: str, level: int) -> Task:
    """Gives the task of a problem: its prompt says how to write the answer and where."""
    prompt = f"{problem.statement}\n\n{problem.form} Reason step by step, and put the final answer in \\boxed{{}}."
    spec = canonical_json({"kind": problem.kind})
    return Task(
        task_id=task_id("math", prompt, problem.answer, "math", spec),
        domain="math",
        prompt=prompt,
        reference=problem.answer,
        verifier="math",
        spec=spec,
        difficulty=float(level),
        guess_rate=problem.guess_rate,
        structure=structure,
        source=f"algebra/{kind}/{level}",
        license="CC0-1.0",
    )
