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
VERSION = 2

MAX_CHARS = 20_000
"""Length of an answer or reference."""

MAX_ACCEPTED = 1_000

_COMMAND = re.compile(TEXT_COMMANDS + r"\s*\{([^{}]*)\}")
_QUOTES = str.maketrans("‘’“”«»‐‑‒–—−", '\'\'""""------')
_INVISIBLE = dict.fromkeys([0x00AD, *range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF])
_WRAPS = (("**", "**"), ("__", "__"), *zip("*_`'\"$([{", "*_`'\"$)]}", strict=True))
_ARTICLE = re.compile(r"(?:the|an|a)\s+(?=\S)")
_TAG = re.compile(r"</?answer>")
_NAMED = re.compile(
    r"(?:^|(?<=\n)|(?<=\. ))[ *#]*(?:so |thus |therefore |hence )?,? ?(?:the )?(?:final |correct )?answer\b\**"
    r"(?: is\b:?| ?[:=])[ *]*\n?[ *]*([^\n]+)",
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
    """Gives the text that is compared; two answers that read the same to a person have the same.

    Marks that belong to a name stay: `C#`, `.NET`, `5!`, `A+`.
    """
    text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_QUOTES)
    text = _COMMAND.sub(r"\1", text.replace("\\ ", " ").replace("~", " ").replace("\\$", "$"))
    whole = " ".join(text.casefold().split())
    plain = _unwrapped(whole)
    article = _ARTICLE.match(plain)
    return (plain[article.end() :] if article else plain) or whole


def _unwrapped(text: str) -> str:
    """Leaves out what stands around a text: bold, quotation marks, brackets, a full stop."""
    low, high = 0, len(text)
    while low < high:
        before = low, high
        while low < high and text[low] in " #,;:":
            low += 1
        while low < high and (text[high - 1] in " .,;:?" or (text[high - 1] == "!" and text[high - 2].isalpha())):
            high -= 1
        for opening, closing in _WRAPS:
            if high - low > len(opening) and text.startswith(opening, low) and text.endswith(closing, low + 1, high):
                low, high = low + len(opening), high - len(closing)
                break
        if (low, high) == before:
            break
    return text[low:high]


def stated(response: str) -> tuple[str | None, str]:
    """Gives the text that a response answers with, and what is wrong where there is none."""
    part = final_part(response)
    if final_boxes(part):
        answer = boxed_content(part)
        if answer is None:
            return None, "the last \\boxed is malformed"
        return answer, "" if answer.strip() else "the last \\boxed is empty"
    lines = (" ".join(line.split()) for line in part[-MAX_CHARS:].split("\n"))
    tail = "\n".join(line for line in lines if line)
    named = None
    for named in _NAMED.finditer(tail):  # noqa: B007 (the last one)
        pass
    answer = _TAG.sub("", named[1] if named else tail[tail.rfind("\n") + 1 :]).strip()
    answer = answer.removesuffix("**") if answer.count("**") == 1 else answer  # bold that began before it
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
