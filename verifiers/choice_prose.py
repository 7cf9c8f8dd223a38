"""The letters that a response states without a box: "Answer: B", "The correct option is (B).", "I choose B.".

What is denied ("the answer is not B", "option B is wrong") is no answer, and an A that may be the article is none.
Linear in the text: every pattern is anchored at a word, and what may repeat in it cannot stand in two ways.
"""

import re
from collections.abc import Callable

from verifiers.notation import TEXT_COMMANDS

Letters = frozenset[str]

TAIL_CHARS = 1_500
"""How much of the response's end is looked at."""

_MARKUP = re.compile(
    r"\*\*|__|\\?\$|`|\\\(|\\\)|\\\[|\\\]|\\[{}]|\\(?:left|right|displaystyle|quad)(?![A-Za-z])|[“”\"]|</?answer>"
)
_COMMAND = re.compile(TEXT_COMMANDS + r"\s*\{([^{}]*)\}")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_NOUN = r"(?:option|choice|answer|letter)"
_BE = r"(?:is|are|(?:must|should|would|will|can only|has to)\s+be)"
_STATED = re.compile(
    rf"\b(?:answers?|(?:correct|right|best|true|false)\s+(?:option|choice|statement|letter|one)s?)"
    rf"(?:\s*(?:{_BE}\b|:|=))+\s*(?:(?:therefore|thus|hence|clearly|indeed|likely|simply|then)\b,?\s*)*"
    rf"(?:(?:the\s+)?{_NOUN}s?\b:?\s*)?",
    re.IGNORECASE,
)
_LETTER = r"(?:[(\[]([A-Za-z])[)\]]|([A-Z])(?![A-Za-z'’]))"
_JUDGED = re.compile(rf"(?<![A-Za-z])(?:(?i:{_NOUN})\s*)?{_LETTER}\s+(?i:is|are)(n['’]t)?\b\s*")
_RIGHT = re.compile(
    r"(?:(?:therefore|thus|hence|clearly|indeed|the|our|only|one|best|most|final)\s+)*(?:correct|right|answer)\b"
)
_PICKED = re.compile(
    rf"\b(?i:choose|select|pick|go with|opt for|match(?:es)?|corresponds? to|{_NOUN})\s+"
    rf"(?:(?i:the\s+)?(?i:{_NOUN})\s*)?{_LETTER}(?=\s*(?:[.,;!]|$|\n|because\b|since\b|as\b))"
)
_DENIED = re.compile(
    r"\b(?:not|never|neither|cannot|nor|incorrect|wrong|eliminat\w*|exclud\w*|rul\w+ out)\b|n['’]t\b", re.I
)
_JOINT = r"(?:\s*(?:,|;|&|/|\+|\band\b|\bor\b))+\s*"
_START = re.compile(
    rf"{_LETTER}(?:{_JOINT}{_LETTER}(?!\s+is\b))*(?!\s+(?!(?:and|or|is|because|since|as)\b)[a-z]{{2,}})"
)
_ALL = re.compile(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])")
_DENIAL = re.compile(rf"(?:not|neither|never)\b\s*(?:the\s+)?(?:{_NOUN}\s*)?", re.IGNORECASE)
_BRACKETED = re.compile(r"\(([A-Z])\)")


def bare(answer: str) -> str:
    """Gives an answer without markup, its lines without runs of spaces, and no empty lines."""
    answer = _COMMAND.sub(r"\1", answer.translate(_FULL_WIDTH).replace("\\ ", " "))
    lines = (" ".join(line.split()) for line in _MARKUP.sub("", answer).split("\n"))
    return "\n".join(line for line in lines if line)


def stated(part: str, whole: Callable[[str], Letters], options: Letters) -> Letters:
    """Gives the letters that the end of a text states, none where it states none.

    `whole` reads an answer that consists of letters or of an option's text; `options` are the letters that count.
    The last "answer is" decides, then a last line that is nothing but a choice, then the last option that is picked.
    """
    tail = bare(part[-TAIL_CHARS:])
    denied: set[str] = set()
    for named in reversed(list(_STATED.finditer(tail))):
        rest = tail[named.end() :].partition("\n")[0]
        if denial := _DENIAL.match(rest):
            denied |= _first(rest[denial.end() :])
            continue
        letters = whole(rest) or (_first(rest) & options)
        if letters:
            return letters if not letters & denied else frozenset()
    *_, before, line = ["", *tail.split("\n")]
    if letters := whole(line):
        return letters if whole(before) in (letters, frozenset()) else frozenset()  # else a list of the options
    picked = _picked(tail) & options
    if picked or _DENIED.search(line):
        return picked
    bracketed = frozenset(_BRACKETED.findall(line)) & options
    return bracketed if len(bracketed) == 1 else frozenset()


def _first(rest: str) -> Letters:
    """Gives the letters that a sentence begins with: "B, because ...", "B and D since ..."."""
    match = _START.match(rest)
    return frozenset(letter.upper() for letter in _ALL.findall(match[0])) if match else frozenset()


def _picked(tail: str) -> Letters:
    """Gives the letter that is picked last, or called right, and not denied behind that."""
    found: dict[int, tuple[str, bool]] = {}
    for judged in _JUDGED.finditer(tail):
        rest = tail[judged.end() : judged.end() + 60].partition("\n")[0]
        if judged[3] or _DENIED.match(rest):
            found[judged.start()] = (judged[1] or judged[2], False)
        elif _RIGHT.match(rest):
            found[judged.start()] = (judged[1] or judged[2], True)
    for picked in _PICKED.finditer(tail):
        before = re.split(r"[.\n;]", tail[max(0, picked.start() - 40) : picked.start()])[-1]
        found.setdefault(picked.start(), (picked[1] or picked[2], not _DENIED.search(before)))
    denied: set[str] = set()
    for at in sorted(found, reverse=True):
        letter, right = found[at][0].upper(), found[at][1]
        if right:
            return frozenset() if letter in denied else frozenset(letter)
        denied.add(letter)
    return frozenset()
