"""Tasks from problem sets that exist: a file or a `datasets` id with a column mapping from the recipe.

A row that makes no task becomes a reject of stage `tasks`, with the line it stood in, and the rest goes on; what a row
must hold is said in `generators.problem_tasks`.
"""

import difflib
import hashlib
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

from catalog.errors import UserError
from catalog.ids import canonical_json
from catalog.records import Reject, Task
from generators.cells import Unfit
from generators.problem_tasks import SATURN_COLUMNS, task_of
from generators.rows import MAX_EXCERPT, Hub, Row, Source, columns, read
from generators.settings import ProblemsSettings
from verifiers.consensus import VOTED


def generate(settings: ProblemsSettings, base: Path) -> Iterator[Task | Reject]:
    """Gives a task or a reject for each of the first `limit` rows; a file's path is relative to `base`.

    Raises UserError for a source that cannot be read, one without rows, and a mapped column that no row has.
    """
    origin = source(settings, base)
    required = _required_columns(settings)
    _check_columns(settings, required, columns(origin, [group for _, group in required], settings.limit))
    mapped = [name for name in settings.columns.model_dump().values() if name]
    name = origin.name if isinstance(origin, Path) else origin.dataset
    rows = 0
    for row in islice(read(origin, {*mapped, *SATURN_COLUMNS}), settings.limit):
        rows += 1
        try:
            yield task_of(row, settings)
        except Unfit as error:
            reason, detail = error.args
            yield _reject(row, name, reason, detail)
    if not rows:
        raise UserError(f"{name} has no rows: give a file with problems, or leave the section out.")


def fingerprint(settings: ProblemsSettings, base: Path) -> str:
    """Gives what the section's input is: the SHA-256 of a file's bytes, else id, config and split of a Hub data set.

    Raises UserError for a file that cannot be read.
    """
    origin = source(settings, base)
    if isinstance(origin, Hub):
        return canonical_json([origin.dataset, origin.config, origin.split])
    try:
        with origin.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        next(iter(read(origin, ())))  # says so in the words that reading says it
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{origin} cannot be read ({error}): replace the file or correct `path`.") from error


def source(settings: ProblemsSettings, base: Path) -> Source:
    """Gives where a section's rows come from; raises UserError unless exactly one of `path` and `dataset` is set."""
    if (settings.path is None) == (settings.dataset is None):
        raise UserError(f"The problems section {settings.source!r} needs one of `path` and `dataset`, not both.")
    if settings.path is not None:
        return base / settings.path
    return Hub(str(settings.dataset), settings.config, settings.split)


def _required_columns(settings: ProblemsSettings) -> list[tuple[str, tuple[str, ...]]]:
    """Gives for each thing that rows must have its name in the recipe, and the columns of which one is enough."""
    mapped = settings.columns
    if settings.consensus is not None and settings.verifier not in VOTED:
        raise UserError(
            f"The problems section {settings.source!r} has `consensus` and the verifier {settings.verifier!r}, whose "
            f"answers are not voted on: leave it out, or verify by {', '.join(VOTED)}."
        )
    if settings.verifier in VOTED and mapped.reference is None and settings.consensus is None:
        raise UserError(
            f"The problems section {settings.source!r} has the verifier {settings.verifier!r} but no reference: set "
            "columns.reference to the column with the answers."
        )
    if settings.verifier == "code" and mapped.spec is None:
        raise UserError(
            f"The problems section {settings.source!r} has the verifier 'code' but no tests: set columns.spec to the "
            "column with the spec."
        )
    required: list[tuple[str, tuple[str, ...]]] = [
        (f"columns.{field}", (name,))
        for field, name in mapped.model_dump().items()
        if name
        and (field, settings.verifier) not in (("prompt", "sat"), ("reference", "code"))
        and (field != "reference" or settings.consensus is None)
    ]
    if settings.verifier == "sat" and mapped.spec is None:
        saturn_row = "columns.spec, or SATURN's own columns"
        required += [(saturn_row, ("n",)), (saturn_row, ("k",)), (saturn_row, ("clause", "clauses"))]
    return required


def _check_columns(
    settings: ProblemsSettings, required: Collection[tuple[str, Collection[str]]], present: Collection[str]
) -> None:
    if not present:
        return  # nothing but broken rows, each of which says so itself
    for key, group in required:
        if not any(name in present for name in group):
            wanted = " or ".join(repr(name) for name in group)
            near = [match for name in group for match in difflib.get_close_matches(name, present, 1, 0.5)]
            listed = ", ".join(repr(name[:40]) for name in islice(present, 20))
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are {listed}."
            raise UserError(f"No row of {settings.path or settings.dataset} has a column {wanted} ({key}): {hint}")


def _reject(row: Row, name: str, reason: str, detail: str) -> Reject:
    excerpt = row.excerpt or str(row.values)[:MAX_EXCERPT]
    return Reject(
        row_id=f"{name}:{row.number}",
        row_kind="input",
        stage="tasks",
        reason=reason,
        detail=detail.encode("utf-8", "replace").decode(),
        twin=None,
        score=None,
        evidence=canonical_json({"excerpt": excerpt.encode("utf-8", "replace").decode()}),
    )
