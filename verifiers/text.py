r"""Answers that are words: the same text once case, spacing, Unicode forms and punctuation at the ends are left out.

A leading article does not count ("the Nile" is "Nile"); articles inside do. The spec may name further answers that are
as good: {"accept": ["NYC", "New York City"]}.
"""

import re
import time
import unicodedata
from typing import Any

from verifiers.answer import boxed_content, final_part
from verifiers.boxed import final_boxes
from verifiers.notation import TEXT_COMMANDS
from verifiers.verdict import Judgement

NAME = "text"
VERSION = 1

MAX_CHARS = 20_000
"""Length of an answer or reference."""

MAX_ACCEPTED = 1_000

_COMMAND = re.compile(TEXT_COMMANDS + r"\s*\{([^{}]*)\}")
_QUOTES = str.maketrans("‘’“”«»‐‑‒–—−", '\'\'""""------')
_ENDS = " \t.,;:!?\"'`*_#()[]{}$"
_ARTICLE = re.compile(r"(?:the|an|a)\s+(?=\S)")
_NAMED = re.compile(
    r"(?:^|\n|\.\s)[\s*#]*(?:so |thus |therefore |hence )?,?\s*(?:the\s+)?(?:final\s+|correct\s+)?answer\b"
    r"\**\s*(?:is\b|[:=])[\s*]*"
    r"([^\n]+)",
    re.IGNORECASE,
)


def verify(response: str, reference: str, spec: dict[str, Any] | None = None) -> Judgement:
    """Judges one response by its final box, else by what it says behind "Answer:", else by its last line. Total."""
    started = time.perf_counter()
    verdict, extracted, detail = _outcome(response, reference, spec or {})
    ms = (time.perf_counter() - started) * 1e3
    return Judgement(verdict, extracted and extracted[:500], detail, ms, NAME, VERSION)


fast = verify
slow = verify


def normal(text: str) -> str:
    """Gives the text that is compared; two answers that read the same to a person have the same."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    text = _COMMAND.sub(r"\1", text.replace("\\ ", " ").replace("~", " ").replace("\\$", "$"))
    text = " ".join(text.casefold().split())
    bare = text.strip(_ENDS)
    bare = _ARTICLE.sub("", bare, count=1) if _ARTICLE.match(bare) else bare
    return bare or text


def stated(response: str) -> tuple[str | None, str]:
    """Gives the text that a response answers with, and what is wrong where there is none."""
    part = final_part(response)
    if final_boxes(part):
        answer = boxed_content(part)
        if answer is None:
            return None, "the last \\boxed is malformed"
        return answer, "" if answer.strip() else "the last \\boxed is empty"
    tail = part.rstrip()[-MAX_CHARS:]
    named = None
    for named in _NAMED.finditer(tail):  # noqa: B007 (the last one)
        pass
    answer = (named[1] if named else tail[tail.rfind("\n") + 1 :]).strip()
    return (answer, "") if answer else (None, "no answer is boxed or stated at the end")


def _outcome(response: str, reference: str, spec: dict[str, Any]) -> tuple[str, str | None, str]:
    accept = spec.get("accept", [])
    if not isinstance(accept, list) or not all(isinstance(text, str) for text in accept):
        return "bad_reference", None, "the spec's accept is no list of texts"
    own = boxed_content(reference)
    wanted = [text for text in (own, *accept) if text and text.strip()]
    if not wanted:
        return "bad_reference", None, "the reference is empty"
    if len(wanted) > MAX_ACCEPTED or any(len(text) > MAX_CHARS for text in wanted):
        return "bad_reference", None, "limit: characters"
    answer, problem = stated(response)
    if answer is None or problem:
        return "unparsable", answer, problem
    if len(answer) > MAX_CHARS:
        return "unparsable", answer, "limit: characters"
    given = normal(answer)
    return ("correct" if any(normal(text) == given for text in wanted) else "wrong"), answer, ""
