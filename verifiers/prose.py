r"""Where an answer stands in a response that boxes nothing: behind "Answer:", or at the end of its last sentence.

A text that stops in mid-sentence (a thought cut off by its token limit) states no answer, unless it names one.
"""

import re

from verifiers import notation, plain

TAIL_CHARS = 1_500
"""How much of the response's end is looked at."""

_NAMED = re.compile(r"(?:^|\n)\s*\**(?:A:|####)|\b(?:[Aa]nswer|ANSWER)\b\**(?:\s+(?:is|are)\b|\s*[:=])\**:?", re.DOTALL)
_MATH = re.compile(r"\$\$(.+?)\$\$|\$((?:\\\$|[^$\n])+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_NUMBER = re.compile(
    r"(?<![\w.,])(?:[-−](?=[\d.$]))?[$€£]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:\s*/\s*\d+)?"
    r"(?:\s*(?:%|percent\b|pct\b))?(?![\d])"
)
_JOINT = re.compile(r"\s*(?:,|;|,?\s*\b(?:and|or)\b)\s*")
_CLOSING = re.compile(r"(?:\s*I hope (?:it|this) is correct\.?)?\s*(?:<\|.{0,100})?\Z", re.DOTALL)
_FINISHED = (".", "!", "?", "*", "$", "\\)", "\\]", "}")


_LAST_LINE = re.compile(
    r"(?:(?:^|\n)\s*(?:\*\*)?(?:ANSWER|(?:Final )?[Aa]nswer)(?:\*\*)?\s*:"
    r"|Final Answer:? The final answer is)(?:\*\*)?[ \t]*([^\n]+)\Z"
)


def stated(part: str) -> str | None:
    """Gives the answer that the end of a text states, None where it states none."""
    tail = _CLOSING.sub("", part[-TAIL_CHARS:]).strip()
    named = None
    for named in _NAMED.finditer(tail):  # noqa: B007 (the last one)
        pass
    finished = tail.endswith(_FINISHED)
    if named is not None and (finished or "\n\n" not in tail[named.end() :].lstrip()):
        answer = _first_line_answer(tail[named.end() :])
        if answer is not None:
            return answer
    if finished or ("\n" not in part.strip() and len(part) <= 200):
        return _last_answer(tail[tail.rfind("\n\n") + 1 :])
    return None


def restated(rest: str) -> str | None:
    """Gives the answer that a last line behind the final box names ("ANSWER: 5"), None where there is no such line."""
    tail = _CLOSING.sub("", rest[-TAIL_CHARS:]).strip()
    named = _LAST_LINE.search(tail)
    if named is None:
        return None
    line = named[1].strip().strip("*").strip()
    if plain.read(notation.tidy(line)) is not None:
        return line
    return _last_answer(line) if _MATH.search(line) else None


def _first_line_answer(rest: str) -> str | None:
    rest = rest.strip().strip("*").strip()
    if rest.startswith(("\\[", "$$")):
        return _last_answer(rest)
    line = rest.split("\n", 1)[0].strip().strip("*").strip()
    if plain.read(notation.tidy(line)) is not None:
        return line
    return _last_answer(line)


def _last_answer(text: str) -> str | None:
    """Gives the last formula of a text with those that it is joined to, or the last number where that comes later."""
    formulas = list(_MATH.finditer(text))
    numbers = [n for n in _NUMBER.finditer(text, formulas[-1].end() if formulas else 0) if any(map(str.isdigit, n[0]))]
    if numbers and not (formulas and text[formulas[-1].end() : numbers[-1].start()].isspace()):
        return numbers[-1][0].strip()
    if not formulas:
        return None
    first = len(formulas) - 1
    while first > 0 and _JOINT.fullmatch(text, formulas[first - 1].end(), formulas[first].start()):
        first -= 1
    percent = "\\%" if re.match(r"\s*(?:\\?%|percent|pct)", text[formulas[-1].end() :]) else ""
    return ", ".join(next(filter(None, f.groups())).strip() for f in formulas[first:]) + percent
