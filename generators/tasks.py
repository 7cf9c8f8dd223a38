"""Where a build's tasks come from: the sections [[tasks]] of a recipe."""

from collections.abc import Iterator
from pathlib import Path

from catalog.records import Reject, Task
from generators import algebra, problems, saturn
from generators.settings import AlgebraSettings, ProblemsSettings, SaturnSettings, TaskSettings


def generate(settings: TaskSettings, recipe_seed: int, index: int, base: Path) -> Iterator[Task | Reject]:
    """Gives the tasks of one section as a stream, and a reject for each row of input that makes none.

    Args: `index`, the section's position among the recipe's, which goes into its seeds; `base`, the recipe's folder.
    Raises UserError, before or among the rows, for what the user has to mend.
    """
    match settings:
        case SaturnSettings():
            return saturn.generate(settings, recipe_seed, index)
        case AlgebraSettings():
            return algebra.generate(settings, recipe_seed, index)
        case ProblemsSettings():
            return problems.generate(settings, base)


def fingerprint(settings: TaskSettings, base: Path) -> str:
    """Gives what a section reads from outside the recipe, as a text that changes with it; empty for nothing."""
    return problems.fingerprint(settings, base) if isinstance(settings, ProblemsSettings) else ""
