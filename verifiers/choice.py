r"""Multiple choice: the letter that a response ends on, in the many ways in which models give it.

`\boxed{B}`, `(B)`, `**B.**`, `Answer: B`, `The answer is B) 12`, `B and D` where several are right. Where the spec has
the options ({"choices": ["10", "12"]} or {"choices": {"A": "10", "B": "12"}}), its text is as good as its letter.
"""

import re
import time
from functools import lru_cache
from typing import Any

from verifiers import closeness, notation, plain, text
from verifiers.answer import boxed_content, final_part
from verifiers.boxed import final_boxes
from verifiers.notation import TEXT_COMMANDS
from verifiers.verdict import Judgement

NAME = "choice"
VERSION = 1

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UNDECLARED = 10
"""Letters that count, from A on, where the spec does not list the options."""

TAIL_CHARS = 1_500
MAX_OPTION_CHARS = 5_000

_MARKUP = re.compile(r"\*\*|__|\\?\$|`|\\\(|\\\)|\\\[|\\\]|\\(?:left|right|displaystyle|quad)(?![A-Za-z])|[“”\"]")
_COMMAND = re.compile(TEXT_COMMANDS + r"\s*\{([^{}]*)\}")
_WORD = re.compile(
    r"(?:the\s+)?(?:correct\s+)?(?:option|choice|answer)\s*(?:is|:)?\s*(?=\(?\[?[A-Z](?![A-Za-z]))", re.I
)
_ONE = re.compile(r"[(\[{]?([A-Za-z])[)\]}]?[.:,]?")
_LED = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]][.:]?|([A-Z])(?:[).:](?!\w)|\s+[-–—:]\s|\s*\\[;,quad]*\s))\s*(.*)", re.DOTALL
)
_SEVERAL = re.compile(r"[(\[]?([A-Z])[)\]]?(?:\s*(?:,|;|&|/|\+|\band\b|\bor\b)+\s*[(\[]?([A-Z])[)\]]?)+\.?")
_NAMED = re.compile(
    r"\b(?:answer|option|choice|(?:answer|option|choice)\s+is|choose|select|pick)\b[\s:=*]*"
    r"(?:is|are|would be|should be|must be)?[\s:=*]*(?:(?:therefore|thus|clearly)\s*,?\s*)?(?:the\s+)?"
    r"(?:option|choice|letter|answer)?[\s:*]*([^\n]+)",
    re.IGNORECASE,
)
_START = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]]|([A-Z])(?![A-Za-z'’]))(?!\s+[a-z]{2,}(?<!and)(?<!or)(?<!is)(?<!because)(?<!since))"
)
_BRACKETED = re.compile(r"\(([A-Z])\)")


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


def chosen(response: str, options: dict[str, str | None]) -> frozenset[str]:
    """Gives the letters that a response ends on, none where it names no choice; raises ValueError with a sentence."""
    part = final_part(response)
    if final_boxes(part):
        answer = boxed_content(part)
        if answer is None:
            raise ValueError("the last \\boxed is malformed")
        return _letters(answer, options)
    tail = _bare(part[-TAIL_CHARS:])
    for named in reversed(list(_NAMED.finditer(tail))):
        if letters := _letters(named[1], options) or _first(named[1], options):
            return letters
    line = tail[tail.rfind("\n") + 1 :]
    if letters := _letters(line, options):
        return letters
    bracketed = {letter for letter in _BRACKETED.findall(line) if letter in options}
    return frozenset(bracketed) if len(bracketed) == 1 else frozenset()


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


def _bare(answer: str) -> str:
    answer = _COMMAND.sub(r"\1", answer.replace("\\ ", " "))
    return "\n".join(" ".join(line.split()) for line in _MARKUP.sub("", answer).strip().split("\n")).strip()


def _letters(answer: str, options: dict[str, str | None]) -> frozenset[str]:
    """Gives the letters that an answer consists of, or whose options' texts it consists of."""
    if len(answer) > MAX_OPTION_CHARS:
        return frozenset()
    bare = _bare(answer).rstrip(".")
    word = _WORD.match(bare)
    bare = bare[word.end() :] if word else bare
    one = _ONE.fullmatch(bare)
    if one and one[1].upper() in options:
        return frozenset(one[1].upper())
    if _SEVERAL.fullmatch(bare):
        found = frozenset(re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", bare))
        return found if found <= options.keys() else frozenset()
    by_text = _by_text(answer, options)
    led = _LED.fullmatch(bare)
    letter = (led[1] or led[2]).upper() if led else ""
    if not led or letter not in options:
        return by_text
    said = _by_text(led[3], options)
    return frozenset(letter) if not said or letter in said else frozenset()  # "(B) 10" where 10 is A: neither


def _first(answer: str, options: dict[str, str | None]) -> frozenset[str]:
    """Gives the letter that a sentence begins with: "B, because ..."; an A that may be the article does not count."""
    match = _START.match(answer)
    letter = ((match[1] or match[2]) if match else "").upper()
    return frozenset(letter) if letter and letter in options else frozenset()


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
    """Tells whether both are the same plain number or list: 0.5 is the option 1/2."""
    a, b = (plain.read(notation.tidy(side)) for side in (answer, option))
    return a is not None and b is not None and plain.equal(a, b, closeness.DEFAULT.same)
