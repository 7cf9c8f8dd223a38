"""The numbers of a problem: what tells a problem from the same problem with other values, where no embedding can.

Measured on labelled pairs: cosine alone puts re-parameterised problems above rephrased ones; with the condition that
the numbers agree, a cosine threshold parts them.
"""

import re
from fractions import Fraction

from dedup.exact import normalise

_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,|\{,\}|\\,)\d{3})+(?![\d,])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_NAMES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)  # not `one`, which is mostly a pronoun: "which one", "one of them"
_WORDS = {word: str(value) for value, word in enumerate(_NAMES.split(), 2)}
_WORD = re.compile(r"\b(?:" + "|".join(_WORDS) + r")\b")
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}")
_VALUE = re.compile(r"[+-]?\d{1,60}(?:\.\d{1,60})?(?:/[1-9]\d{0,59})?")
_MAX_REFERENCE = 2_000  # characters; a longer reference (a program, a proof) is compared by its text


def numbers(text: str) -> tuple[str, ...]:
    """Gives the numbers of a text, sorted, as often as they occur: digits, decimals and the words two to twenty.

    `1,000`, `1{,}000` and `1000` are one number, `1.50` and `1.5` too. Signs are left out.
    """
    text = _joined(normalise(text))
    found = [_canonical(number) for number in _NUMBER.findall(text)]
    return tuple(sorted(found + [_WORDS[word] for word in _WORD.findall(text)]))


def canonical_reference(reference: str) -> str:
    """Gives one spelling of a reference: `$1{,}000$` is `1000`; `\\frac{1}{2}`, `1/2` and `0.5` are `1/2`."""
    text = normalise(reference)
    if len(text) > _MAX_REFERENCE:
        return text
    text = _FRACTION.sub(r"\1/\2", _joined(text).replace("$", "")).replace(" ", "")
    return str(Fraction(text)) if _VALUE.fullmatch(text) and not ("." in text and "/" in text) else text


def _joined(text: str) -> str:
    return _THOUSANDS.sub(lambda number: re.sub(r"\D", "", number[0]), text)


def _canonical(number: str) -> str:
    whole, _, decimals = number.partition(".")
    decimals = decimals.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{decimals}" if decimals else whole
