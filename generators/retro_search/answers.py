r"""Where the right answer first stands in a piece of reasoning, as something that is concluded and not merely met.

Concluded is what is boxed, stands behind `=`, "is", "answer:" and the like up to the end of its clause, or is all that
a paragraph says. Numbers, lists and fractions compare by value (`verifiers.plain`), all else loosely: `\sqrt{5}` is
`√5` and `(C)` is `option C`. It says where to begin to look, not what is right: a value of one digit may be met by
chance.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from generators.retro_search.segment import Segmentation
from verifiers import closeness, notation, plain
from verifiers.boxed import final_boxes
from verifiers.numbers import Number

MAX_CHARS = 120
"""Length of a candidate."""

_CUE = re.compile(
    r"(?:(?<![<>!:])=|≈|→|⇒|\\approx|\\implies|\\[Rr]ightarrow"
    r"|\b(?:is|are|was|be|equals?|gives?|get|makes|yields|answer|total|[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|to)"
    r"(?:\b|(?=\d))[,:]?)[\s*]*"
)
_STOPS = r"=≈\n;"
_CLOSES = rf"[{_STOPS}]|\$(?:[\s.,;!?)]|\Z)|\\[)\]]|\*\*|\Z"
_WORDS = r"so|and|which|when|because|since|but|for|as|if|or|by|in|too|then|here|again|correct|right"
_CLAUSE = re.compile(rf"[^{_STOPS}]{{1,{MAX_CHARS}}}?(?=\s*(?:{_CLOSES}|[.!?:,](?:\s|\Z)|\s(?:{_WORDS})\b))")
_LONG_CLAUSE = re.compile(rf"[^{_STOPS}]{{1,{MAX_CHARS}}}?(?=\s*(?:{_CLOSES}|[.!?](?:\s|\Z)))")
_FILLERS = re.compile(
    r"(?:(?:an?|the|just|exactly|about|approximately|indeed|simply|still|also|only|equal to|option|choice)\s+)+",
    re.IGNORECASE,
)
_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SIGNS = str.maketrans(
    {"√": "sqrt", "π": "pi", "∞": "infty", "−": "-", "·": "", "×": "", "*": "", "∪": "cup", "±": "pm"}
    | {script: f"^{digit}" for digit, script in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
    | {script: f"_{digit}" for digit, script in enumerate("₀₁₂₃₄₅₆₇₈₉")}
)
_SAME = closeness.DEFAULT.same
_FRACTION = re.compile(r"\\frac\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\{([^{}]*)\}")
_DROPPED = re.compile(r"\\begin\{\w+\}|\\end\{\w+\}|\\(?:text|cdot|times|left|right)\b|[\s\\{}()\[\]$]+|vector")


def first_stated(found: Segmentation, targets: Sequence[str]) -> int | None:
    """Gives the number of the first step that concludes one of `targets` (answers, as written), None if none does."""
    wanted = [_Target.read(target) for target in targets if target.strip()]
    if not wanted:
        return None
    clause = _LONG_CLAUSE if any(isinstance(target.value, plain.Row) for target in wanted) else _CLAUSE
    for index in range(len(found.steps)):
        seen = set()
        for candidate in _candidates(found.step(index), clause):
            if candidate not in seen and any(target.equals(candidate) for target in wanted):
                return index
            seen.add(candidate)
    return None


@dataclass(frozen=True, slots=True)
class _Target:
    value: plain.Value | None
    loose: str

    @staticmethod
    def read(text: str) -> "_Target":
        rest = plain.split_name(notation.tidy(text))[1]
        return _Target(plain.read(rest), _loose(rest))

    def equals(self, candidate: str) -> bool:
        tidied = notation.tidy(candidate)
        if self.value is not None:
            value = plain.read(tidied)
            if value is not None:
                return plain.equal(value, self.value, _SAME)
            word = tidied.lower()
            return word in _NUMBERS and plain.equal(Number(Fraction(_NUMBERS.index(word))), self.value, _SAME)
        return bool(self.loose) and _loose(tidied) == self.loose


def _loose(tidied: str) -> str:
    """Gives a text in which answers are equal that differ in how they are set only, or nearly so."""
    text = _FRACTION.sub(r"\1/\2", tidied).translate(_SIGNS).replace("\\\\", ",")
    return _DROPPED.sub("", text).replace(";", ",").rstrip(",.").casefold()


def _candidates(step: str, clause: re.Pattern[str]) -> Iterator[str]:
    if "\\boxed" in step:
        yield from (box.content for box in final_boxes(step) if box.content)
    if len(step) <= MAX_CHARS:
        yield step.strip()
    for cue in _CUE.finditer(step):
        match = clause.match(step, cue.end())
        if match:
            text = match[0].strip().removeprefix("\\(").removeprefix("\\[").strip(" $*")
            filler = _FILLERS.match(text)
            yield text[filler.end() :] if filler else text
