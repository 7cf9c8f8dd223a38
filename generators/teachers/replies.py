"""Reading the reply of a completions endpoint: bytes from outside become a Reply or an error, and nothing else.

Whoever answers may be broken or hostile, so nothing of the body is trusted before it was looked at.
"""

import json
import math
import re
from dataclasses import replace
from itertools import accumulate
from typing import Any

import orjson

from generators.teachers.protocol import Choice, Reply, Request, TerminalError, step_means

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a reply that are read at most; 1,024 answers of 32k tokens with log-probabilities fit in."""

CHARACTERS_PER_TOKEN = 4
"""How tokens are estimated where the endpoint does not count them: about right for English in common tokenizers."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_COUNT = 2**31 - 1


class MalformedError(Exception):
    """The body is not the reply that was asked for: cut off, garbled or of another shape."""


def read_reply(body: bytes, request: Request, n: int) -> Reply:
    """Gives the reply in `body`, the answer of /v1/completions to `request` with `n` choices asked for.

    Text is cut at the first stop string where the endpoint did not; lone surrogates become U+FFFD. Token counts that
    are missing or absurd are estimated: from the log-probabilities, else at CHARACTERS_PER_TOKEN; a total for several
    choices is shared out by length. Raises MalformedError, and TerminalError for an answer that a content filter
    withheld.
    """
    value = _parse(body)
    found = value.get("choices")
    if not isinstance(found, list) or len(found) != n:
        raise MalformedError(f"{len(found) if isinstance(found, list) else 'no'} choices where {n} were asked for")
    if n > 1:
        found = _in_order(found)
    usage = value.get("usage")
    if not isinstance(usage, dict):
        usage = {}
    total = _count(usage.get("completion_tokens"))
    choices = tuple(_choice(choice, request, total if n == 1 else None) for choice in found)
    if n > 1 and total is not None and not request.logprobs:
        choices = _share_out(choices, total, request.max_tokens)
    prompt_tokens = _count(usage.get("prompt_tokens"))
    if prompt_tokens is None:
        prompt_tokens = _estimate(request.prompt)
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Reply(choices, prompt_tokens, cached)


def printable(text: Any, limit: int = 300) -> str:
    """Gives words from outside as one line for a message: no control characters, at most `limit` characters."""
    line = " ".join(str(text)[: 4 * limit].split())
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _parse(body: bytes) -> dict[str, Any]:
    if not body:
        raise MalformedError("an empty body")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The fast parser refuses lone surrogates, which servers do send; the slow one reads them.
        if b"\\ud" not in body and b"\\uD" not in body:
            raise MalformedError(f"no JSON: {printable(error, 100)}") from None
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MalformedError(f"no JSON: {printable(error, 100)}") from None
    if not isinstance(value, dict):
        raise MalformedError("JSON, but no object")
    return value


def _in_order(found: list[Any]) -> list[Any]:
    """Choices may come in any order; their index says which is which."""
    indexes = [choice.get("index") if isinstance(choice, dict) else None for choice in found]
    if sorted(i for i in indexes if isinstance(i, int)) != list(range(len(found))):
        return found
    return sorted(found, key=lambda choice: choice["index"])


def _choice(value: Any, request: Request, tokens: int | None) -> Choice:
    if not isinstance(value, dict):
        raise MalformedError("a choice that is no object")
    text = value.get("text")
    if not isinstance(text, str):
        raise MalformedError("a choice without a text")
    reason = value.get("finish_reason")
    if reason != "stop" and reason != "length":
        if reason == "content_filter":
            raise TerminalError("the teacher's content filter withheld the answer")
        raise MalformedError(f"finish_reason {printable(reason, 40)}")
    stop_string = value.get("stop_reason")
    if not isinstance(stop_string, str) or stop_string not in request.stop:
        stop_string = None
    mean, steps = None, None
    if request.logprobs:
        raw, mean, steps, counted = _logprobs(value.get("logprobs"), text)
        tokens = tokens if tokens is not None else counted
        text = raw
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    for stop in request.stop:
        at = text.find(stop)
        if at != -1:
            text, reason, stop_string = text[:at], "stop", stop
    if tokens is None:
        tokens = request.max_tokens if reason == "length" else _estimate(text)
    return Choice(text, reason, stop_string, min(tokens, request.max_tokens), mean, steps)


def _logprobs(value: Any, text: str) -> tuple[str, float | None, list[float] | None, int | None]:
    """Gives the text, the mean, the means a paragraph, and the number of tokens; None where they cannot be told."""
    if not isinstance(value, dict):
        return text, None, None, None
    found = value.get("token_logprobs")
    if not isinstance(found, list) or not found:
        return text, None, None, None
    if not all(isinstance(x, (int, float)) and not isinstance(x, bool) and math.isfinite(x) for x in found):
        return text, None, None, len(found)
    logprobs = [min(float(x), 0.0) for x in found]
    mean = round(sum(logprobs) / len(logprobs), 4)
    offsets = _offsets(value, len(found))
    return text, mean, step_means(text, offsets, logprobs) if offsets else None, len(found)


def _offsets(value: dict[str, Any], n: int) -> list[int] | None:
    """Gives the character at which each token starts, counted from the start of the completion.

    vLLM counts from there, OpenAI from the start of the prompt: the first token's offset is the difference.
    """
    offsets = value.get("text_offset")
    if isinstance(offsets, list) and len(offsets) == n and all(type(x) is int for x in offsets):
        return [x - offsets[0] for x in offsets]
    tokens = value.get("tokens")
    if isinstance(tokens, list) and len(tokens) == n and all(isinstance(x, str) for x in tokens):
        return list(accumulate((len(x) for x in tokens[:-1]), initial=0))
    return None


def _share_out(choices: tuple[Choice, ...], total: int, most: int) -> tuple[Choice, ...]:
    """Gives the choices with `total` tokens shared out by length; those cut off by the limit used all of it."""
    left = max(total - sum(most for c in choices if c.finish_reason == "length"), 0)
    characters = sum(len(c.text) for c in choices if c.finish_reason == "stop") or 1
    shares = [
        most if c.finish_reason == "length" else min(round(left * len(c.text) / characters), most) for c in choices
    ]
    return tuple(replace(c, completion_tokens=share) for c, share in zip(choices, shares, strict=True))


def _count(value: Any) -> int | None:
    return min(value, _MAX_COUNT) if type(value) is int and value >= 0 else None


def _estimate(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)
