"""An answer or a reference in all the forms that are compared: its text, its value, its letters alone."""

import re
from dataclasses import dataclass

from verifiers import intervals, notation, plain, units
from verifiers.numbers import Number
from verifiers.plain import Term, Value

_WORDS = re.compile(r"[A-Za-z][A-Za-z' .-]+")
_LETTER = re.compile(r"\(?([A-J])\)?(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Written:
    """`name` is the variable that `rest` is assigned to; `value` its plain value, if any; `unit` see `verifiers.units`;

    `squeezed` the text without spaces and text commands; `tidied` the text as `rest` was cut from it.
    """

    text: str
    tidied: str
    name: str | None
    rest: str
    unit: str | None
    value: Value | None
    squeezed: str

    @property
    def terms(self) -> Value:
        """The value, with what needs algebra as terms."""
        return self.value or plain.read_terms(self.rest) or Term(self.rest)

    @property
    def span(self) -> intervals.Intervals | None:
        """The intervals that the answer consists of, if it does."""
        return intervals.read(self.tidied)

    @property
    def letter(self) -> str | None:
        """The choice that the answer consists of."""
        match = _LETTER.fullmatch(self.squeezed)
        return match[1] if match else None

    @property
    def words(self) -> bool:
        """Whether the answer is made of letters alone."""
        return _WORDS.fullmatch(self.squeezed) is not None

    @property
    def word(self) -> bool:
        """Whether it can only be a word: set as text, or no product of variables that anybody would write so."""
        if not self.words or len(self.squeezed) < 2:
            return False
        letters = self.squeezed.casefold()
        return "\\text" in self.text or (len(letters) >= 4 and "".join(sorted(letters)) != letters)


def written(text: str) -> Written:
    """Gives the forms of an answer; linear in it. `plain.MAX_CHARS` is for the caller to check."""
    tidied = notation.tidy(text)
    name, rest = plain.split_name(tidied)
    bare, unit = (rest, None) if rest.isdecimal() else units.split_unit(rest)
    if name and name in bare and re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", bare):
        name, rest, unit = None, tidied, None  # x = 6 - 2x: an equation for x, not its value
    return Written(text, tidied, name, rest, unit, plain.read(rest), notation.squeeze(tidied))


def for_algebra(leaf: Number | Term) -> str:
    """Gives a leaf as the algebra's parser reads it best: numbers in one way of writing, the rest as it is."""
    match leaf:
        case Number(value=value, decimal=False, percent=False):
            text = f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
        case Number(value=value, percent=percent):
            text = f"\\frac{{{value.numerator}}}{{{value.denominator * (100 if percent else 1)}}}"
        case Term(text=text):
            text = units.split_unit(text)[0]
    return f"\\boxed{{{text}}}"
