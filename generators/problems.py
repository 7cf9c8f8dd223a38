"""Tasks from problem sets that exist: a file or a `datasets` id with a column mapping from the recipe.

A row that makes no task becomes a reject of stage `tasks`, with the line it stood in, and the rest goes on. SAT
problems are read from a spec column, or from the columns `n`, `k` and `clause` (or `clauses`) of SATURN's published
rows, with `l` and `n_solutions` checked where they are present; a row without a prompt gets SATURN's. Problems of code
have their tests in a spec column (see `verifiers.code`), and in the reference, if anything, a program that is right.
Multiple choice may have its options in a spec column (see `verifiers.choice`); a reference must be one of them.
"""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from catalog.errors import UserError
from catalog.ids import canonical_json, task_id
from catalog.records import Reject, Task
from catalog.votes import CONSENSUS
from generators import saturn
from generators.formula import Formula, parse, solutions, solves
from generators.isomorphism import structure
from generators.rows import MAX_EXCERPT, Hub, Row, Source, columns, read
from generators.settings import ProblemsSettings
from verifiers.code.spec import read as read_tests
from verifiers.consensus import VOTED
from verifiers.judge import VERIFIERS

MAX_PROMPT = 100_000
"""Characters of a prompt."""

MAX_REFERENCE = 10_000
"""Characters of a reference answer."""

MAX_SPEC = 1_000_000
"""Characters of a spec."""

REASONS = (
    "invalid_utf8",
    "invalid_json",
    "not_an_object",
    "missing_value",
    "wrong_type",
    "too_long",
    "invalid_spec",
    "wrong_reference",
)
"""Why a row makes no task."""

_SAT_COLUMNS = ("n", "k", "l", "clause", "clauses", "n_solutions")


class _Unfit(Exception):
    """A row makes no task, for one of REASONS and a detail."""


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
    for row in islice(read(origin, {*mapped, *_SAT_COLUMNS}), settings.limit):
        rows += 1
        try:
            yield _to_task(row, settings)
        except _Unfit as error:
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


def _to_task(row: Row, settings: ProblemsSettings) -> Task:
    if row.values is None:
        raise _Unfit(row.reason, row.detail)
    mapped, values = settings.columns, row.values
    source = f"{settings.source}#{row.number}"
    license = _text(values, mapped.license, 200) if mapped.license else settings.license
    difficulty = _number(values.get(mapped.difficulty)) if mapped.difficulty else None
    guess_rate = key = None
    if settings.verifier == "sat":
        fields = _object(values, mapped.spec) if mapped.spec else values
        n, formula, n_solutions = _formula(fields)
        made = values.get(mapped.prompt) is None
        prompt = saturn.prompt(formula, n) if made else _text(values, mapped.prompt, MAX_PROMPT)
        reference = _text(values, mapped.reference, MAX_REFERENCE) if mapped.reference else ""
        if reference and not solves(reference, formula):
            raise _Unfit("wrong_reference", f"{reference[:40]!r} does not satisfy the formula")
        spec = saturn.spec(formula, n, n_solutions)
        difficulty = saturn.difficulty(n, formula.k, len(formula.clauses)) if difficulty is None else difficulty
        guess_rate, key = n_solutions / 2**formula.k, structure(formula)
    elif settings.verifier == "code":
        prompt = _text(values, mapped.prompt, MAX_PROMPT)
        tests = _object(values, str(mapped.spec))
        try:
            read_tests(tests)
        except ValueError as error:
            raise _Unfit("invalid_spec", str(error)) from None
        solved = mapped.reference and values.get(mapped.reference) is not None
        reference = _text(values, str(mapped.reference), MAX_REFERENCE) if solved else ""
        spec = canonical_json(tests)
    else:
        prompt = _text(values, mapped.prompt, MAX_PROMPT)
        asked = _object(values, mapped.spec) if mapped.spec else {}
        given = values.get(str(mapped.reference))
        if settings.consensus is not None and (given is None or given == ""):
            reference, asked = "", asked | {CONSENSUS: {"min_share": settings.consensus}}
        else:
            reference = _text(values, str(mapped.reference), MAX_REFERENCE)
        if settings.verifier in ("choice", "text") and reference:
            itself = VERIFIERS[settings.verifier].verify(f"\\boxed{{{reference}}}", reference, asked)
            if itself.verdict == "bad_reference":
                raise _Unfit("wrong_reference", itself.detail)
        spec = canonical_json(asked)
    return Task(
        task_id=task_id(settings.domain, prompt, reference, settings.verifier, spec),
        domain=settings.domain,
        prompt=prompt,
        reference=reference,
        verifier=settings.verifier,
        spec=spec,
        difficulty=difficulty,
        guess_rate=guess_rate,
        structure=key,
        source=source,
        license=license,
    )


def _text(values: dict[str, Any], column: str, most: int) -> str:
    """Gives a text, or a number as text: whole numbers without a point, whatever type holds them."""
    value = values.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _Unfit("missing_value", f"nothing in column {column!r}")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _finite(value):
        raise _Unfit("wrong_type", f"column {column!r} has neither text nor a number: {type(value).__name__}")
    text = str(value)
    if len(text) > most:
        raise _Unfit("too_long", f"column {column!r} has {len(text)} characters, more than {most}")
    _check_unicode(text, column)
    return text


def _finite(number: Any) -> bool:
    return not isinstance(number, float) or math.isfinite(number)


def _check_unicode(text: str, column: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON may escape one half of a surrogate pair
        raise _Unfit("invalid_utf8", f"column {column!r} has half a surrogate pair") from None


def _number(value: Any) -> float | None:
    """Gives a difficulty: a number, or the only number in a text like `Level 3`; None where there is none."""
    if isinstance(value, str):
        numbers = re.findall(r"-?\d+(?:\.\d+)?", value[:1000])
        value = float(numbers[0]) if len(numbers) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _object(values: dict[str, Any], column: str) -> dict[str, Any]:
    """Gives the object in a column, which may also hold it as JSON text."""
    value = values.get(column)
    if value is None:
        raise _Unfit("missing_value", f"nothing in column {column!r}")
    if isinstance(value, str) and len(value) <= MAX_SPEC:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _Unfit("invalid_spec", f"column {column!r} has a text that is not JSON") from None
    if not isinstance(value, dict):
        raise _Unfit("invalid_spec", f"column {column!r} has no JSON object: {type(value).__name__}")
    try:
        text = canonical_json(value)
    except (ValueError, TypeError, RecursionError):
        raise _Unfit("invalid_spec", f"column {column!r} has values that JSON cannot hold") from None
    if len(text) > MAX_SPEC:
        raise _Unfit("too_long", f"column {column!r} has {len(text)} characters, more than {MAX_SPEC}")
    _check_unicode(text, column)
    return value


def _formula(fields: dict[str, Any]) -> tuple[int, Formula, int]:
    """Gives n, the formula and its number of solutions from a SAT spec, or from the columns of a published row."""
    n, k, l = fields.get("n"), fields.get("k"), fields.get("l")  # noqa: E741
    text = fields.get("clauses") if fields.get("clauses") is not None else fields.get("clause")
    if not isinstance(text, str) or type(n) is not int or type(k) is not int:
        raise _Unfit("invalid_spec", "a formula needs whole numbers n and k and a text of clauses")
    try:
        formula = parse(text, n, k)
    except ValueError as error:
        raise _Unfit("invalid_spec", str(error)) from None
    found = solutions(formula).bit_count()
    if l is not None and l != len(formula.clauses):
        raise _Unfit("invalid_spec", f"{len(formula.clauses)} clauses where l says {str(l)[:20]}")
    if fields.get("n_solutions") is not None and fields["n_solutions"] != found:
        raise _Unfit("invalid_spec", f"{found} solutions where n_solutions says {str(fields['n_solutions'])[:20]}")
    if not found:
        raise _Unfit("invalid_spec", "the formula has no solution")
    return n, formula, found


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
