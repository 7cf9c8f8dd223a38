r"""Multiple choice: the letter that a response ends on, in the many ways in which models give it.

`\boxed{B}`, `(B)`, `**B.**`, `Answer: B`, `The answer is B) 12`, `B and D` where several are right. Where the spec has
the options ({"choices": ["10", "12"]} or {"choices": {"A": "10", "B": "12"}}), its text is as good as its letter.
"""

import re
import time
from functools import lru_cache
from typing import Any

from verifiers import choice_prose, closeness, notation, plain, text
from verifiers.answer import boxed_content, final_part
from verifiers.boxed import final_boxes
from verifiers.verdict import Judgement

NAME = "choice"
VERSION = 2

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UNDECLARED = 10
"""Letters that count, from A on, where the spec does not list the options."""

MAX_OPTION_CHARS = 5_000

_WORD = re.compile(
    r"(?:the\s+)?(?:correct\s+)?(?:option|choice|answer)s?\s*(?:is\b|are\b|:)?\s*(?=\(?\[?[A-Z](?![A-Za-z]))", re.I
)
_ONE = re.compile(r"[(\[{]?([A-Za-z])[)\]}]?[.:,]?")
_LED = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]][.:]?|([A-Z])(?:[).:](?!\w)|\s+[-–—:]\s|\s*\\[;,quad]*\s))\s*(.*)", re.DOTALL
)
_SEVERAL = re.compile(
    r"[(\[{]*[A-Z][)\]]?(?:(?:\s*(?:,|;|&|/|\+|\band\b|\bor\b))+\s*[(\[]?[A-Z](?![A-Z])[)\]]?)+[)\]}]*", re.IGNORECASE
)
_JOINED = re.compile(r"[A-Z]{2,}")


def verify(response: str, reference: str, spec: dict[str, Any] | None = None) -> Judgement:
    """Judges one response: `correct` where it ends on the reference's letter or letters. Total."""
    started = time.perf_counter()
    verdict, extracted, detail = outcome(response, reference, spec or {})
    ms = (time.perf_counter() - started) * 1e3
    return Judgement(verdict, extracted and extracted[:500], detail, ms, NAME, VERSION)


fast = verify
slow = verify


def outcome(response: str, reference: str, spec: dict[str, Any]) -> tuple[str, str | None, str]:
    """Gives verdict, letters and detail."""
    try:
        options = _options(spec)
    except ValueError as error:
        return "bad_reference", None, str(error)
    own = boxed_content(reference)
    wanted = None if own is None else _letters(own, options)
    if not wanted:
        return "bad_reference", None, "the reference is none of the choices"
    try:
        found = chosen(response, options)
    except ValueError as error:
        return "unparsable", None, str(error)
    if not found:
        return "unparsable", None, "no choice is stated at the end"
    return ("correct" if found == wanted else "wrong"), ", ".join(sorted(found)), ""


def letters(response: str, spec: dict[str, Any]) -> frozenset[str]:
    """Gives the letters that a response ends on; none where it names no choice or the spec has no usable ones."""
    try:
        return chosen(response, _options(spec))
    except ValueError:
        return frozenset()


def chosen(response: str, options: dict[str, str | None]) -> frozenset[str]:
    """Gives the letters that a response ends on, none where it names no choice; raises ValueError with a sentence."""
    part = final_part(response)
    if final_boxes(part):
        answer = boxed_content(part)
        if answer is None:
            raise ValueError("the last \\boxed is malformed")
        return _letters(answer, options)
    return choice_prose.stated(part, lambda answer: _letters(answer, options), frozenset(options))


def _options(spec: dict[str, Any]) -> dict[str, str | None]:
    """Gives the options by their letters, with None for a text that the spec does not have."""
    given = spec.get("choices")
    if given is None:
        return dict.fromkeys(LETTERS[:UNDECLARED])
    if isinstance(given, list) and 0 < len(given) <= len(LETTERS):
        given = dict(zip(LETTERS, given, strict=False))
    if not isinstance(given, dict) or not given:
        raise ValueError("the spec's choices are no list of at most 26 texts, nor texts by letter")
    if any(not isinstance(letter, str) or letter.upper() not in LETTERS or len(letter) != 1 for letter in given):
        raise ValueError("the spec's choices are not under single letters")
    if any(
        not isinstance(option, str | int | float) or len(str(option)) > MAX_OPTION_CHARS for option in given.values()
    ):
        raise ValueError("an option of the spec's choices is no text of bearable length")
    return {letter.upper(): str(option) for letter, option in given.items()}


def _letters(answer: str, options: dict[str, str | None]) -> frozenset[str]:
    """Gives the letters that an answer consists of, or whose options' texts it consists of."""
    if len(answer) > MAX_OPTION_CHARS:
        return frozenset()
    bare = choice_prose.bare(answer).rstrip(".")
    word = _WORD.match(bare)
    bare = bare[word.end() :] if word else bare
    one = _ONE.fullmatch(bare)
    if one and one[1].upper() in options:
        return frozenset(one[1].upper())
    if by_text := _by_text(answer, options):  # before the letters in it: an option may read "A and C"
        return by_text
    if _SEVERAL.fullmatch(bare):
        found = frozenset(letter.upper() for letter in re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", bare))
        return found if found <= options.keys() else frozenset()
    if _JOINED.fullmatch(bare) and "".join(sorted(set(bare))) == bare and set(bare) <= options.keys():
        return frozenset(bare)  # BD: B and D
    led = _LED.fullmatch(bare)
    letter = (led[1] or led[2]).upper() if led else ""
    if not led or letter not in options:
        return frozenset()
    said = _by_text(led[3], options)
    return frozenset(letter) if not said or letter in said else frozenset()  # "(B) 10" where 10 is A: neither


def _by_text(answer: str, options: dict[str, str | None]) -> frozenset[str]:
    given = text.normal(answer)
    same = [letter for letter, option in options.items() if option is not None and _normal(option) == given]
    if not same and given:
        same = [letter for letter, option in options.items() if option is not None and _same_value(answer, option)]
    return frozenset(same) if len(same) == 1 else frozenset()


@lru_cache(maxsize=1024)
def _normal(option: str) -> str:
    return text.normal(option)


def _same_value(answer: str, option: str) -> bool:
    """Tells whether both are the same plain number or list (0.5 is the option 1/2), or the same but for spaces."""
    a, b = (notation.tidy(side) for side in (answer, option))
    x, y = plain.read(a), plain.read(b)
    if x is None or y is None:
        return notation.squeeze(a) == notation.squeeze(b)
    return plain.equal(x, y, closeness.DEFAULT.same)
