"""A row of a problem set as a task: what its verifier checks by, read from the columns that the recipe names.

SAT problems are read from a spec column, or from the columns `n`, `k` and `clause` (or `clauses`) of SATURN's published
rows, with `l` and `n_solutions` checked where they are present; a row without a prompt gets SATURN's. Problems of code
have their tests in a spec column (see `verifiers.code`), and in the reference, if anything, a program that is right.
Multiple choice may have its options in a spec column (see `verifiers.choice`); a reference must be one of them.
"""

from dataclasses import dataclass
from typing import Any

from catalog.ids import canonical_json, task_id
from catalog.records import Task
from catalog.votes import CONSENSUS
from generators import saturn
from generators.cells import Unfit, json_object, number, text
from generators.formula import Formula, parse, solutions, solves
from generators.isomorphism import structure
from generators.rows import Row
from generators.settings import ProblemsSettings
from verifiers.code.spec import read as read_tests
from verifiers.judge import VERIFIERS

MAX_PROMPT = 100_000
"""Characters of a prompt."""

MAX_REFERENCE = 10_000
"""Characters of a reference answer."""

SATURN_COLUMNS = ("n", "k", "l", "clause", "clauses", "n_solutions")
"""Columns of SATURN's published rows."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is asked, and what decides whether an answer is right."""

    prompt: str
    reference: str
    spec: str
    difficulty: float | None = None
    guess_rate: float | None = None
    structure: str | None = None


def task_of(row: Row, settings: ProblemsSettings) -> Task:
    """Gives the task that a row makes; raises Unfit where it makes none."""
    if row.values is None:
        raise Unfit(row.reason, row.detail)
    mapped, values = settings.columns, row.values
    license = text(values, mapped.license, 200) if mapped.license else settings.license
    difficulty = number(values.get(mapped.difficulty)) if mapped.difficulty else None
    match settings.verifier:
        case "sat":
            problem = _formula_problem(values, settings)
        case "code":
            problem = _program_problem(values, settings)
        case _:
            problem = _answer_problem(values, settings)
    return Task(
        task_id=task_id(settings.domain, problem.prompt, problem.reference, settings.verifier, problem.spec),
        domain=settings.domain,
        prompt=problem.prompt,
        reference=problem.reference,
        verifier=settings.verifier,
        spec=problem.spec,
        difficulty=problem.difficulty if difficulty is None else difficulty,
        guess_rate=problem.guess_rate,
        structure=problem.structure,
        source=f"{settings.source}#{row.number}",
        license=license,
    )


def _formula_problem(values: dict[str, Any], settings: ProblemsSettings) -> _Problem:
    mapped = settings.columns
    n, formula, n_solutions = _formula(json_object(values, mapped.spec) if mapped.spec else values)
    made = values.get(mapped.prompt) is None
    prompt = saturn.prompt(formula, n) if made else text(values, mapped.prompt, MAX_PROMPT)
    reference = text(values, mapped.reference, MAX_REFERENCE) if mapped.reference else ""
    if reference and not solves(reference, formula):
        raise Unfit("wrong_reference", f"{reference[:40]!r} does not satisfy the formula")
    return _Problem(
        prompt,
        reference,
        saturn.spec(formula, n, n_solutions),
        saturn.difficulty(n, formula.k, len(formula.clauses)),
        n_solutions / 2**formula.k,
        structure(formula),
    )


def _program_problem(values: dict[str, Any], settings: ProblemsSettings) -> _Problem:
    mapped = settings.columns
    prompt = text(values, mapped.prompt, MAX_PROMPT)
    tests = json_object(values, str(mapped.spec))
    try:
        read_tests(tests)
    except ValueError as error:
        raise Unfit("invalid_spec", str(error)) from None
    solved = mapped.reference and values.get(mapped.reference) is not None
    reference = text(values, str(mapped.reference), MAX_REFERENCE) if solved else ""
    return _Problem(prompt, reference, canonical_json(tests))


def _answer_problem(values: dict[str, Any], settings: ProblemsSettings) -> _Problem:
    mapped = settings.columns
    prompt = text(values, mapped.prompt, MAX_PROMPT)
    asked = json_object(values, mapped.spec) if mapped.spec else {}
    given = values.get(str(mapped.reference))
    if settings.consensus is not None and (given is None or given == ""):
        reference, asked = "", asked | {CONSENSUS: {"min_share": settings.consensus}}
    else:
        reference = text(values, str(mapped.reference), MAX_REFERENCE)
    if settings.verifier in ("choice", "text") and reference:
        itself = VERIFIERS[settings.verifier].verify(f"\\boxed{{{reference}}}", reference, asked)
        if itself.verdict == "bad_reference":
            raise Unfit("wrong_reference", itself.detail)
    return _Problem(prompt, reference, canonical_json(asked))


def _formula(fields: dict[str, Any]) -> tuple[int, Formula, int]:
    """Gives n, the formula and its number of solutions from a SAT spec, or from the columns of a published row."""
    n, k, l = fields.get("n"), fields.get("k"), fields.get("l")  # noqa: E741
    clauses = fields.get("clauses") if fields.get("clauses") is not None else fields.get("clause")
    if not isinstance(clauses, str) or type(n) is not int or type(k) is not int:
        raise Unfit("invalid_spec", "a formula needs whole numbers n and k and a text of clauses")
    try:
        formula = parse(clauses, n, k)
    except ValueError as error:
        raise Unfit("invalid_spec", str(error)) from None
    found = solutions(formula).bit_count()
    if l is not None and l != len(formula.clauses):
        raise Unfit("invalid_spec", f"{len(formula.clauses)} clauses where l says {str(l)[:20]}")
    if fields.get("n_solutions") is not None and fields["n_solutions"] != found:
        raise Unfit("invalid_spec", f"{found} solutions where n_solutions says {str(fields['n_solutions'])[:20]}")
    if not found:
        raise Unfit("invalid_spec", "the formula has no solution")
    return n, formula, found
