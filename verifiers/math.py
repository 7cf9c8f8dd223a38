r"""Mathematical answers: the last \boxed of the response, or the answer that its prose ends in, against a reference.

Most answers are numbers, lists of numbers or the reference's very text, and are settled here in microseconds
(`verifiers.plain`). The rest goes to computer algebra (`verifiers.symbolic`) behind named limits (`verifiers.limits`).

The spec may declare what the answer is, {"kind": one of `verifiers.kinds.ALL`}, and how far apart numbers may be,
{"tolerance": absolute} or {"relative_tolerance": share of the larger}; without a kind the reference shows it.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from verifiers import choice, compare, kinds, limits, plain, symbolic, text
from verifiers import closeness as close
from verifiers.answer import boxed_content, essence, final_answer
from verifiers.closeness import Closeness
from verifiers.verdict import Judgement
from verifiers.written import Written, written

__all__ = ["NAME", "VERSION", "essence", "fast", "final_answer", "slow", "verify", "warm_up"]

NAME = "math"
VERSION = 3

Outcome = tuple[str, str | None, str]
"""Verdict, extracted answer, detail."""

warm_up = symbolic.warm_up


def verify(response: str, reference: str, spec: dict[str, Any] | None = None) -> Judgement:
    """Judges one response. Total, but may take long on hostile input: give it to `verifiers.pool` where that matters.

    `bad_reference` where the reference is no usable answer, or not of the declared kind; `unparsable` where the
    response has no answer that can be read within the limits (named in `detail`); else `correct` or `wrong`.
    """
    return fast(response, reference, spec or {}) or slow(response, reference, spec or {})


def fast(response: str, reference: str, spec: dict[str, Any]) -> Judgement | None:
    """Gives the judgement where no algebra is needed, else None. Never raises; linear in the response."""
    started = time.perf_counter()
    outcome = _fast(response, reference, spec)
    return None if outcome is None else _judgement(outcome, started)


def slow(response: str, reference: str, spec: dict[str, Any]) -> Judgement:
    """Gives the judgement of what `fast` left open, by algebra. Raises MemoryError only."""
    started = time.perf_counter()
    try:
        outcome = _slow(response, reference, spec)
    except RecursionError:
        outcome = "unparsable", None, "limit: recursion"
    return _judgement(outcome, started)


def _judgement(outcome: Outcome, started: float) -> Judgement:
    verdict, extracted, detail = outcome
    shown = extracted if extracted is None or len(extracted) <= 500 else extracted[:500]
    return Judgement(verdict, shown, detail, (time.perf_counter() - started) * 1e3, NAME, VERSION)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a spec asks for."""

    kind: str | None
    close: Closeness


def _asked(spec: dict[str, Any]) -> _Asked:
    """Reads a spec; raises ValueError with a sentence."""
    if not spec:
        return _DEFAULT
    kind = spec.get("kind")
    if kind is not None and kind not in kinds.ALL:
        raise ValueError(f"no answer is of kind {str(kind)[:50]!r}")
    found = close.from_spec(spec)
    return _Asked(kind, close.EXACT if kind in ("integer", "rational") else found)


_DEFAULT = _Asked(None, close.DEFAULT)


@lru_cache(maxsize=4096)
def _reference(reference: str) -> Written | str:
    """Reads a reference, once for all responses to its task; gives a sentence where it is none."""
    content = boxed_content(reference)
    if content is None:
        return "the reference's \\boxed is malformed"
    if not content.strip():
        return "the reference is empty"
    return "limit: characters" if len(content) > plain.MAX_CHARS else written(content.strip())


def _fast(response: str, reference: str, spec: dict[str, Any]) -> Outcome | None:
    try:
        asked = _asked(spec)
    except (ValueError, TypeError) as error:
        return "bad_reference", None, str(error)
    if asked.kind == "choice":
        return choice.outcome(response, reference, spec)
    if asked.kind == "text":
        judged = text.verify(response, reference, spec)
        return judged.verdict, judged.extracted, judged.detail
    target = _reference(reference)
    if isinstance(target, str):
        return "bad_reference", None, target
    answer, problem = final_answer(response)
    if problem or answer is None:
        return "unparsable", answer, problem
    if len(answer) > plain.MAX_CHARS:
        return "unparsable", answer, "limit: characters"
    given = written(answer)
    if asked.kind is not None:
        if problem := compare.misfit(asked.kind, target):
            return "bad_reference", answer, f"the reference is {problem}"
        if problem := compare.misfit(asked.kind, given):
            return "wrong", answer, f"the answer is {problem}"
    same = compare.plainly(given, target, asked.kind, asked.close)
    if same is not None:
        return ("correct" if same else "wrong"), answer, ""
    if limit := limits.exceeded(answer):
        return "unparsable", answer, f"limit: {limit}"
    if target.value is None and (limit := limits.exceeded(target.text)):
        return "bad_reference", answer, f"limit: {limit}"
    return None


def _slow(response: str, reference: str, spec: dict[str, Any]) -> Outcome:
    asked = _asked(spec)
    target = _reference(reference)
    answer, _ = final_answer(response)
    if isinstance(target, str) or answer is None:
        return "unparsable", answer, "no answer"
    given = written(answer)
    if compare.algebraically(given, target, asked.kind, asked.close):
        return "correct", answer, ""
    if not compare.understood(target):
        return "bad_reference", answer, "the reference is not mathematics that can be read"
    if not compare.understood(given):
        return "unparsable", answer, "the answer is not mathematics that can be read"
    return "wrong", answer, ""
