"""Where a hint would help: the start of tedious hand calculation, and re-checking of a number that is known.

All detectors stand in this file. Each looks at one line (or sentence) and gives a score; lines of a calculation that
follow each other add up. The scores were set on half of the real traces; the precision in docs/cort.md was measured on
positions of the other half, which a reader had labelled.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from generators.cort.fences import blocks

COMPUTE, CHECK, TRUST = "compute", "check", "trust"


@dataclass(frozen=True, slots=True)
class Position:
    """One place for a hint."""

    kind: str
    """compute: hand calculation begins; check: a known number is checked by hand; trust: the same, of tool output."""
    at: int
    """Character at which the trace is cut."""
    end: int
    """Character up to which what is found reaches: what a hint may save."""
    score: float
    why: str
    """The detector that gave most of the score."""


_N = r"(?<![\w.])\d[\d,]{0,30}(?:\.\d{1,30})?"
_BIG = r"(?<![\w.])\d[\d,]{0,30}\d(?:\.\d{1,30})?"  # two digits at least
# Without the slash: fractions are written so, and nobody works them out.
_TIMES = r"\s*(?:[×*·÷]|\\times|\\cdot|\\div|\bx\b|multiplied by|times|divided by)\s*"

CALCULATIONS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("products", re.compile(_BIG + _TIMES + _BIG), 1.5),
    ("products", re.compile(rf"{_BIG}{_TIMES}\d\b(?!\d)|(?<![\w.])\d{_TIMES}{_BIG}"), 0.6),
    ("sums", re.compile(rf"(?<![\w.])\d[\d,]{0, 30}\d\d\s*[+−–-]\s*{_BIG}|{_BIG}\s*[+−–-]\s*\d[\d,]{0, 30}\d\d"), 0.6),
    ("sums", re.compile(rf"(?:{_N}\s*\+\s*){{4,}}{_N}"), 1.5),
    ("decimals", re.compile(r"(?<!\d)\d{1,30}\.\d{3,30}"), 0.8),
    ("decimals", re.compile(r"(?:sqrt|√|log|ln|sin|cos|tan)\W{0,3}\d[\d.]*\)?\s*(?:≈|\\approx)"), 0.8),
    ("powers", re.compile(r"(?<![\w.])\d{2,}\s*(?:\^\s*\{?\d|[²³⁴⁵])\s*\}?\s*="), 0.8),
    ("division", re.compile(rf"{_N} goes into {_N}|remainder|bring down|mod(?:ulo)? ?\d{{2,}}"), 0.4),
    ("expansion", re.compile(r"[a-z](?:\^\{?[2-9]|[²³⁴])\}?\s?[+−–-]\s?\d{0,9}\s?[a-z]"), 0.3),
    ("matrix", re.compile(r"\\begin\{[pbv]matrix\}|determinant|cofactor"), 0.3),
    ("factorial", re.compile(r"\d{1,2}!\s*=|C\(\d+, ?\d+\)\s*=|\\binom\{\d+\}\{\d+\}\s*="), 0.8),
)
"""Detector, what it counts in a line, and the score of each find."""

LONG = 200
"""Characters from which a line is looked at sentence by sentence."""

SAME_FORM = 0.8
"""Score of a line that has the form of one of the three before it, with other numbers: an enumeration of cases."""

ENOUGH = 6.0
"""Score from which a run of lines is hand calculation."""

DENSE = 1.0
"""Score that a hundred characters of the run must have on average: less is prose with a number here and there."""

GAP = 2
"""Lines without any score that a run may have between two that have one."""

CHECKS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"\b(?:double[- ]?check|verify|confirm|re-?calculate|recompute|recount|re-?check)\b", re.I), 2.0),
    (
        re.compile(r"\b(?:check|go through|compute|calculate|do|count) (?:that|this|it|them|the \w+)? ?again\b", re.I),
        2.0,
    ),
    (
        re.compile(
            r"\b(?:let me|let's) (?:just |also |quickly )?check (?:(?:that|this|it)\b(?! (?:too|point|case))|my \w+"
            r"|(?:if|whether) (?:that|this|it)(?:'s| is) (?:correct|right))",
            re.I,
        ),
        1.5,
    ),
    (re.compile(r"\b(?:make sure|be sure|check if|check whether|check with)\b", re.I), 1.0),
    (re.compile(r"\b(?:miscalculated?|arithmetic|calculations?|mistakes?|correctly)\b", re.I), 0.5),
    (
        re.compile(r"\b(?:re-?examine|formula|interpret|understand|(?:confirm|verify) (?:if|whether)|another)\b", re.I),
        -1.0,
    ),
    (re.compile(r"^(?:but |so |hmm,? )*(?:wait|hold on|let me|let's|just to)\b", re.I), 0.5),
)
"""What counts in a sentence that may begin a check, and its score."""

KNOWN = 0.75
"""Score of each number in the check that stood in the text before it, up to three of them."""

CHECKED = 4.0
"""Score from which a sentence begins a check of something known."""

AFTER_OUTPUT = 2.5
"""The same for one of the first sentences behind a tool's output, where the tool's number is named again."""

_NEAR = 700
"""Characters behind an output in which distrust shows, and behind a check that are its own."""

_SENTENCE = re.compile(r"[^\n.?!]*(?:\.\d[^\n.?!]*)*[.?!\n]*\s*")
_NUMBERS = re.compile(_N)
_TRANSITION = re.compile(r"^(?:but |so |hmm,? )*(?:wait|hold on|however|alternatively|let me|let's|hmm|but)\b", re.I)


def positions(thinking: str, outputs: Sequence[tuple[int, int]] = ()) -> list[Position]:
    """Gives the positions in a trace's thinking, best first; `outputs`: where tool output stands in it."""
    covered = [(b.start, len(thinking) if b.end is None else b.end) for b in blocks(thinking)]
    found = [*calculations(thinking, covered), *checks(thinking, covered, outputs)]
    return sorted(found, key=lambda position: (-position.score, position.at))


def calculations(thinking: str, covered: Sequence[tuple[int, int]] = ()) -> list[Position]:
    """Gives the starts of hand calculation in text order; nothing in the `covered` spans (code) counts."""
    found: list[Position] = []
    forms: list[str] = []
    run: list[tuple[int, int, dict[str, float]]] = []
    idle = 0

    def close() -> None:
        total: dict[str, float] = {}
        for _, _, scores in run:
            for name, value in scores.items():
                total[name] = total.get(name, 0.0) + value
        score = sum(total.values())
        if score >= ENOUGH and score >= DENSE * (run[-1][1] - run[0][0]) / 100:
            why = max(total, key=lambda name: total[name])
            found.append(Position(COMPUTE, run[0][0], run[-1][1], round(score, 2), why))
        run.clear()

    for start, end in _lines(thinking):
        inside = any(a < end and start < b for a, b in covered)
        scores = {} if inside else _line_scores(thinking[start:end], forms)
        if scores:
            run.append((start, end, scores))
            idle = 0
        elif run:
            idle += 1
            if idle > GAP or inside:
                close()
                idle = 0
    close()
    return found


def checks(
    thinking: str, covered: Sequence[tuple[int, int]] = (), outputs: Sequence[tuple[int, int]] = ()
) -> list[Position]:
    """Gives the sentences that begin a check of something known, in text order, none within the reach of another."""
    found: list[Position] = []
    reach = 0
    for sentence in _SENTENCE.finditer(thinking):
        start, end = sentence.span()
        if end <= start or start < reach or any(a < end and start < b for a, b in covered):
            continue
        output = next(((a, b) for a, b in reversed(outputs) if b <= start < b + _NEAR), None)
        scored = sum(weight for pattern, weight in CHECKS if pattern.search(sentence[0].strip()))
        if output and _TRANSITION.match(sentence[0].strip()):
            scored += 1.0
        if scored < 1.0:
            continue
        until = min(len(thinking), start + _NEAR)
        told = thinking[slice(*output)] if output else thinking[max(0, start - 3 * _NEAR) : start]
        known = set(_results(told)) & set(_results(thinking[start:until]))
        scored += KNOWN * min(len(known), 3)
        if scored >= (AFTER_OUTPUT if output and known else CHECKED):
            # The published hint stands right behind the output, in place of the doubt.
            at = output[1] if output else start
            found.append(Position(TRUST if output else CHECK, at, until, round(scored, 2), "known number"))
            reach = until
    return found


def _lines(text: str) -> list[tuple[int, int]]:
    """The lines of a text that are not blank, long ones cut at the ends of their sentences."""
    found = []
    for line in re.finditer(r"[^\n]*\S[^\n]*", text):
        start = line.start()
        for stop in re.finditer(r"[.?!] +(?=[A-Z(])", line[0]) if len(line[0]) > LONG else ():
            found.append((start, line.start() + stop.end()))
            start = line.start() + stop.end()
        found.append((start, line.end()))
    return found


def _line_scores(line: str, forms: list[str]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, pattern, weight in CALCULATIONS:
        count = sum(1 for _ in pattern.finditer(line))
        if count:
            scores[name] = scores.get(name, 0.0) + weight * count
    form = re.sub(r"\d+", "#", line)
    if form in forms and form.count("#") >= 2:
        scores["cases"] = SAME_FORM
    forms.append(form)
    del forms[:-3]
    return scores


def _results(text: str) -> list[str]:
    """Numbers of two digits at least, as they are compared."""
    found = (number.replace(",", "") for number in _NUMBERS.findall(text))
    return [number for number in found if len(number) > 1]
