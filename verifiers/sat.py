r"""SAT answers: an assignment that satisfies the formula, or, where there is none, the word UNSAT or a MUS.

The formula is in the task's spec: {"k", "clauses"} in Saturn's published text form (`!A!BC & A!CD`, clauses joined by
` & `, a literal a letter or `!` and a letter, variable i being chr(65 + i)), or {"dimacs"}. Any satisfying assignment
is right, not the planted one alone, so the reference is not looked at. Two fields of the spec are optional:

- "asks": what the last \boxed must hold. "model" (as if absent): an assignment, or UNSAT. "decision": SAT or UNSAT is
  enough. "certificate": an assignment, or for an unsatisfiable formula the numbers (from 1) of clauses that are a MUS.
- "answer": "sat" or "unsat", what the task's maker holds true; where the formula says otherwise, it is a bad reference.

An assignment is a 0 or 1 for each variable, nothing else; for {"dimacs"} also true literals, `1 -2 3 0`.
"""

import re
import time
from functools import lru_cache
from typing import Any

from verifiers import dimacs, unsat
from verifiers.boxed import last_box
from verifiers.dimacs import Cnf
from verifiers.verdict import Judgement

NAME = "sat"
VERSION = 2

MAX_VARIABLES = 4096
MAX_FORMULA_CHARS = 4_000_000
MAX_MUS = 10_000
MAX_SHOWN = 10_000

Outcome = tuple[str, str | None, str]
"""Verdict, extracted answer, detail."""

_WORD = re.compile(r"(UN)?SAT(?:ISFIABLE)?|NOT SATISFIABLE", re.ASCII | re.IGNORECASE)
_DRESS = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")


def verify(response: str, reference: str, spec: dict[str, Any]) -> Judgement:
    r"""Judges one response against the formula in `spec`; `reference` is not looked at.

    `bad_reference` where the spec is unusable or contradicts its formula, `unparsable` where there is no box or it does
    not hold what is asked, `timeout` where a solver is needed and reaches its budget, else `correct` or `wrong`, the
    first false clause in `detail`. Never raises. An assignment costs time linear in the response; UNSAT and a MUS
    cost a solver's: give them to `verifiers.pool` where that matters.
    """
    return fast(response, reference, spec) or slow(response, reference, spec)


def fast(response: str, reference: str, spec: dict[str, Any]) -> Judgement | None:
    """Gives the judgement of an assignment, and of what a solver says at once; else None."""
    started = time.perf_counter()
    try:
        outcome = _outcome(response, spec, unsat.CHEAP_CONFLICTS)
    except unsat.BudgetSpent:
        return None
    return _judgement(outcome, started)


def slow(response: str, reference: str, spec: dict[str, Any]) -> Judgement:
    """Gives the judgement of what `fast` left open."""
    started = time.perf_counter()
    try:
        outcome = _outcome(response, spec, unsat.CONFLICTS)
    except unsat.BudgetSpent as spent:
        outcome = "timeout", None, str(spent)
    return _judgement(outcome, started)


def essence(response: str) -> str:
    """Gives the part of a response that is judged: its last box, which `fast` has found."""
    part = _final_part(response)
    box = last_box(part)
    return "" if box is None else part[box.start : box.end]


def warm_up() -> None:
    """Imports the solver, so that no item pays for it."""
    unsat.satisfiable(Cnf(1, ((1,),)))


def read_formula(spec: dict[str, Any]) -> Cnf:
    """Gives the formula of a spec. Raises ValueError, a sentence, where the spec has none that can be used."""
    try:
        if "dimacs" in spec:
            return _dimacs(spec["dimacs"])
        return _saturn(spec["clauses"], spec["k"], spec.get("n"), spec.get("l"))
    except KeyError as error:
        raise ValueError(f"the spec has no field {error.args[0]!r}") from None
    except TypeError:
        raise ValueError("a field of the wrong type") from None


def _judgement(outcome: Outcome, started: float) -> Judgement:
    verdict, extracted, detail = outcome
    shown = extracted if extracted is None or len(extracted) <= MAX_SHOWN else extracted[:MAX_SHOWN]
    return Judgement(verdict, shown, detail, (time.perf_counter() - started) * 1e3, NAME, VERSION)


def _outcome(response: str, spec: dict[str, Any], conflicts: int) -> Outcome:
    asks, claimed = spec.get("asks", "model"), spec.get("answer")
    if asks not in ("model", "decision", "certificate") or claimed not in (None, "sat", "unsat"):
        return "bad_reference", None, "the spec's `asks` or `answer` is none that is known"
    try:
        formula = read_formula(spec)
    except ValueError as error:
        return "bad_reference", None, str(error)
    box = last_box(_final_part(response))
    if box is None:
        return "unparsable", None, "no \\boxed"
    if box.content is None:
        return "unparsable", None, "the last \\boxed is malformed"
    answer = box.content
    word = _word(answer)
    if word is None and asks == "certificate" and not _satisfiable(formula, conflicts):
        return _judge_mus(answer, formula, claimed, conflicts)
    if word is None:
        return _judge_assignment(answer, formula, claimed, "dimacs" in spec)
    is_satisfiable = _satisfiable(formula, conflicts)
    if claimed is not None and is_satisfiable != (claimed == "sat"):
        return "bad_reference", answer, f"the spec says {claimed}, the solver does not"
    says_satisfiable = word[0].upper().startswith("SAT")
    if says_satisfiable != is_satisfiable:
        return "wrong", answer, "the formula is satisfiable" if is_satisfiable else "the formula is unsatisfiable"
    if asks == "certificate" or (says_satisfiable and asks == "model"):
        return "unparsable", answer, "the answer lacks its certificate" if says_satisfiable else "a MUS is asked"
    return "correct", answer, ""


def _word(answer: str) -> re.Match[str] | None:
    if len(answer) > 100 or not answer.strip("01"):
        return None
    return _WORD.fullmatch(_DRESS.sub(r"\1", answer).strip())


def _judge_assignment(answer: str, formula: Cnf, claimed: str | None, literals: bool) -> Outcome:
    if literals and (len(answer) != formula.variables or answer.strip("01")):
        try:
            true = dimacs.read_assignment(answer, formula.variables)
        except ValueError as error:
            return "unparsable", answer, str(error)
    else:
        if len(answer) != formula.variables:
            return "unparsable", answer, f"{len(answer)} characters where {formula.variables} are asked"
        if answer.strip("01"):
            return "unparsable", answer, "characters other than 0 and 1"
        true = frozenset(i if bit == "1" else -i for i, bit in enumerate(answer, 1))
    for i, clause in enumerate(formula.clauses, 1):
        if true.isdisjoint(clause):
            return "wrong", answer, f"clause {i} of {len(formula.clauses)} is false"
    if claimed == "unsat":
        return "bad_reference", answer, "the spec says unsat, but this assignment satisfies the formula"
    return "correct", answer, ""


def _judge_mus(answer: str, formula: Cnf, claimed: str | None, conflicts: int) -> Outcome:
    if claimed == "sat":
        return "bad_reference", answer, "the spec says sat, the solver does not"
    words = re.split(r"[\s,]+", answer.strip("{}[]() \n\t\\"), maxsplit=MAX_MUS)
    if not all(re.fullmatch(r"\d{1,9}", word, re.ASCII) for word in words):
        return "unparsable", answer, "clause numbers are asked"
    numbers = [int(word) for word in words]
    if len(set(numbers)) < len(numbers) or not all(1 <= number <= len(formula.clauses) for number in numbers):
        return "unparsable", answer, f"different clause numbers from 1 to {len(formula.clauses)} are asked"
    fault = unsat.not_a_mus(formula, numbers, conflicts)
    return ("correct", answer, "") if fault is None else ("wrong", answer, fault)


def _satisfiable(formula: Cnf, conflicts: int) -> bool:
    if conflicts <= unsat.CHEAP_CONFLICTS and not unsat.cheap(formula):
        raise unsat.BudgetSpent
    return unsat.satisfiable(formula, conflicts)


def _final_part(response: str) -> str:
    """Gives what follows the thought: boxes in it are steps on the way. All of it where no thought is marked."""
    _, closed, rest = response.rpartition("</think>")
    return rest if closed else "" if "<think>" in response else response


@lru_cache(maxsize=256)
def _dimacs(text: str) -> Cnf:
    if type(text) is not str:
        raise TypeError
    return dimacs.read(text)


@lru_cache(maxsize=4096)
def _saturn(text: str, k: int, n: int | None, l: int | None) -> Cnf:  # noqa: E741 (Saturn's name)
    """Reads Saturn's text form; raises ValueError (a sentence) or TypeError where the spec is unusable."""
    if type(k) is not int or not 1 <= k <= MAX_VARIABLES:
        raise ValueError(f"k must be an integer from 1 to {MAX_VARIABLES}")
    if type(text) is not str or len(text) > MAX_FORMULA_CHARS:
        raise ValueError(f"clauses must be a text of at most {MAX_FORMULA_CHARS} characters")
    clauses = tuple(_clause(part.strip(), k, n, i) for i, part in enumerate(text.split("&"), 1))
    if l is not None and len(clauses) != l:
        raise ValueError(f"{len(clauses)} clauses where the spec says {l}")
    return Cnf(k, clauses)


def _clause(text: str, k: int, n: int | None, number: int) -> tuple[int, ...]:
    literals = []
    sign = 1
    for letter in text:
        variable = ord(letter) - 64
        if letter == "!" and sign == 1:
            sign = -1
        elif 1 <= variable <= k:
            literals.append(sign * variable)
            sign = 1
        else:
            sign = -1  # as after a "!" that no letter follows
            break
    if sign == -1 or not literals:
        raise ValueError(f"clause {number} is not made of literals over {k} variables")
    if n is not None and len(literals) != n:
        raise ValueError(f"clause {number} has not the {n} literals that the spec says")
    return tuple(literals)
