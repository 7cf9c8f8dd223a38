r"""Mathematical answers: the last \boxed of the response, or the answer that its prose ends in, against a reference.

Most answers are numbers, lists of numbers or the reference's very text, and are settled here in microseconds
(`verifiers.plain`). The rest goes to computer algebra (`verifiers.symbolic`) behind named limits (`verifiers.limits`).

The spec may declare what the answer is: {"kind": "integer" | "rational" | "decimal" | "percentage" | "expression" |
"equation" | "interval" | "set" | "tuple" | "matrix" | "choice" | "text"}; else the reference shows it.
"""

import re
import time
from functools import lru_cache
from typing import Any

from verifiers import limits, plain, prose, symbolic
from verifiers.boxed import final_boxes
from verifiers.verdict import Judgement

NAME = "math"
VERSION = 1

KINDS = (
    "integer",
    "rational",
    "decimal",
    "percentage",
    "expression",
    "equation",
    "interval",
    "set",
    "tuple",
    "matrix",
    "choice",
    "text",
)

THOUGHT_END = "</think>"
THOUGHT_START = "<think>"

Outcome = tuple[str, str | None, str]
"""Verdict, extracted answer, detail."""

warm_up = symbolic.warm_up


def verify(response: str, reference: str, spec: dict[str, Any]) -> Judgement:
    """Judges one response. Total, but may take long on hostile input: give it to `verifiers.pool` where that matters.

    `bad_reference` where the reference is no usable answer, `unparsable` where the response has no answer that can be
    read within the limits (named in `detail`), else `correct` or `wrong`.
    """
    return fast(response, reference, spec) or slow(response, reference, spec)


def fast(response: str, reference: str, spec: dict[str, Any]) -> Judgement | None:
    """Gives the judgement where no algebra is needed, else None. Never raises; linear in the response."""
    started = time.perf_counter()
    outcome = _fast(response, reference, spec)
    return None if outcome is None else _judgement(outcome, started)


def slow(response: str, reference: str, spec: dict[str, Any]) -> Judgement:
    """Gives the judgement of what `fast` left open, by algebra. Raises MemoryError only."""
    started = time.perf_counter()
    try:
        outcome = _slow(response, reference)
    except RecursionError:
        outcome = "unparsable", None, "limit: recursion"
    return _judgement(outcome, started)


def essence(response: str) -> str:
    """Gives the part of a response that is judged: its final boxes, or else its end."""
    part = final_part(response)
    found = final_boxes(part)
    return part[found[0].start : found[-1].end] if found else part[-prose.TAIL_CHARS :]


def final_part(response: str) -> str:
    """Gives what follows the thought; all of it where no thought is marked; nothing where the thought never closed."""
    _, closed, rest = response.rpartition(THOUGHT_END)
    if closed:
        return rest
    return "" if THOUGHT_START in response else response


def _judgement(outcome: Outcome, started: float) -> Judgement:
    verdict, extracted, detail = outcome
    shown = extracted if extracted is None or len(extracted) <= 500 else extracted[:500]
    return Judgement(verdict, shown, detail, (time.perf_counter() - started) * 1e3, NAME, VERSION)


def _fast(response: str, reference: str, spec: dict[str, Any]) -> Outcome | None:
    kind = spec.get("kind")
    if kind is not None and kind not in KINDS:
        return "bad_reference", None, f"no answer is of kind {str(kind)[:50]!r}"
    target = _reference(reference)
    if isinstance(target, str):
        return "bad_reference", None, target
    answer, problem = _answer(response)
    if problem:
        return "unparsable", answer, problem
    return _compare(answer or "", target, kind)


def _answer(response: str) -> tuple[str | None, str]:
    """Gives the final answer of a response, and what is wrong with it where it cannot be judged."""
    part = final_part(response)
    found = final_boxes(part)
    if not found:
        answer = prose.stated(part)
        return answer, "" if answer else "no answer is boxed or stated at the end"
    if found[-1].content is None:
        return None, "the last \\boxed is malformed"
    answer = ", ".join(box.content or "" for box in found)
    return answer, "" if answer.strip() else "the last \\boxed is empty"


class _Reference:
    """A reference, read once for all responses to its task."""

    __slots__ = ("letter", "name", "rest", "squeezed", "text", "value", "word")

    def __init__(self, text: str) -> None:
        self.text = text
        tidied = plain.tidy(text)
        self.name, self.rest = plain.split_name(tidied)
        self.value = plain.read(self.rest)
        self.squeezed = plain.squeeze(tidied)
        self.letter = _letter(self.squeezed)
        self.word = self.squeezed.casefold() if _WORDS.fullmatch(self.squeezed) and "\\text" in text else None


_WORDS = re.compile(r"[A-Za-z][A-Za-z' .-]+")
_LETTER = re.compile(r"\(?([A-J])\)?(?![A-Za-z])")


def _letter(squeezed: str, with_text: bool = False) -> str | None:
    """Gives the choice that an answer consists of, or begins with where its text may follow (`(B) 12`)."""
    match = _LETTER.match(squeezed)
    return match[1] if match and (with_text or match.end() == len(squeezed)) else None


@lru_cache(maxsize=4096)
def _reference(reference: str) -> _Reference | str:
    """Reads a reference; gives a sentence where it is none."""
    found = final_boxes(reference)
    if found and found[-1].content is None:
        return "the reference's \\boxed is malformed"
    text = ", ".join(box.content or "" for box in found) if found else reference
    if not text.strip():
        return "the reference is empty"
    if len(text) > plain.MAX_CHARS:
        return "limit: characters"
    return _Reference(text.strip())


def _compare(answer: str, target: _Reference, kind: str | None) -> Outcome | None:
    if len(answer) > plain.MAX_CHARS:
        return "unparsable", answer, "limit: characters"
    tidied = plain.tidy(answer)
    name, rest = plain.split_name(tidied)
    value = plain.read(rest)
    if value is not None and target.value is not None:
        if isinstance(value, plain.Number) != isinstance(target.value, plain.Number):
            value = plain.with_decimal_comma(rest) or value
            wanted = plain.with_decimal_comma(target.rest) or target.value
        else:
            wanted = target.value
        same = plain.equal(value, wanted, kind == "tuple") and (not name or not target.name or name == target.name)
        return ("correct" if same else "wrong"), answer, ""
    squeezed = plain.squeeze(tidied)
    if squeezed == target.squeezed:
        return "correct", answer, ""
    if "_" in squeezed + target.squeezed:
        ours, theirs = plain.in_base(squeezed), plain.in_base(target.squeezed)
        if ours or theirs:
            same = (ours or (squeezed,))[0] == (theirs or (target.squeezed,))[0] and (ours is None or theirs is None)
            return ("correct" if same or ours == theirs else "wrong"), answer, ""
    if target.letter and (letter := _letter(squeezed, kind == "choice")):
        return ("correct" if letter == target.letter else "wrong"), answer, ""
    if (kind == "text" or target.word) and _WORDS.fullmatch(squeezed):
        return ("correct" if squeezed.casefold() == target.squeezed.casefold() else "wrong"), answer, ""
    if limit := limits.exceeded(answer):
        return "unparsable", answer, f"limit: {limit}"
    if target.value is None and (limit := limits.exceeded(target.text)):
        return "bad_reference", answer, f"limit: {limit}"
    return None


def _for_algebra(answer: str) -> str:
    """Gives an answer as the algebra's parser reads it best: numbers in one way of writing, the rest as it is."""
    value = plain.read(plain.tidy(answer))
    if isinstance(value, plain.Number) and not value.decimal and not value.percent:
        answer = f"\\frac{{{value.value.numerator}}}{{{value.value.denominator}}}"
    return "\\boxed{" + plain.without_unit(answer) + "}"


def _slow(response: str, reference: str) -> Outcome:
    target = _reference(reference)
    if isinstance(target, str):
        return "bad_reference", None, target
    answer, _ = _answer(response)
    wanted = symbolic.parse(_for_algebra(target.text))
    if not wanted:
        return "bad_reference", answer, "the reference cannot be read"
    found = symbolic.parse(_for_algebra(answer or ""))
    if symbolic.equal(wanted, found):
        return "correct", answer, ""
    if not symbolic.understood(wanted):
        return "bad_reference", answer, "the reference is not mathematics that can be read"
    if not symbolic.understood(found):
        return "unparsable", answer, "the answer is not mathematics that can be read"
    return "wrong", answer, ""
