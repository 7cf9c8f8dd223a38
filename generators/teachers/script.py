"""Scripted answers: texts that depend on nothing but prompt, seed and index, for tests and dry runs.

A token is a word with the white space after it. The same script answers in this process and over HTTP.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import orjson

from catalog.errors import UserError
from generators.teachers.protocol import Choice, Reply, Request, TerminalError, step_means

Answer = Callable[[str, int], str]
"""Gives the text for a prompt and a number that differs from choice to choice."""

CONTEXT = 250_000
"""Characters of a prompt at most; longer ones are refused, as an engine refuses what exceeds its context."""

RIGHT = 0.6
"""Share of the problems that `solved` answers rightly."""

_WORDS = (
    "so",
    "then",
    "Wait",
    "hence",
    "let",
    "us",
    "check",
    "the",
    "clause",
    "value",
    "again",
    "sum",
    "term",
    "first",
)
_OPENERS = ("So", "Wait,", "Then", "But", "Now", "Alternatively,", "Hence")
_SUM = re.compile(r"What is (\d{1,9}) \+ (\d{1,9})\?")
_TOKEN = re.compile(r"\S+\s*|\s+")
_CLAUSE = re.compile(r'\{"n_sat": ?\d{1,3}, ?"k": ?(\d{1,2}), ?"clause": ?"([A-Z! &]{1,20000})"\}')


@dataclass(frozen=True)
class Script:
    """Who answers: the first line whose match occurs in the prompt, else `otherwise`."""

    lines: tuple[tuple[str, str], ...]
    otherwise: Answer

    def __call__(self, prompt: str, number: int) -> str:
        for match, text in self.lines:
            if match in prompt:
                return text
        return self.otherwise(prompt, number)


def read_lines(path: Path) -> tuple[tuple[str, str], ...]:
    """Gives the (match, text) pairs of a JSONL file; UserError names the file and line that cannot be read."""
    try:
        raw = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"The answers file {path} cannot be read ({error.strerror}): give a JSONL file.") from None
    lines = []
    for number, line in enumerate(raw, 1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
            match, text = value["match"], value["text"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            match = text = None
        if not isinstance(match, str) or not isinstance(text, str):
            raise UserError(f'{path}:{number} is no answer: write {{"match": "…", "text": "…"}} on one line.')
        lines.append((match, text))
    return tuple(lines)


def hashed(prompt: str, number: int) -> str:
    """Gives a few words and a boxed number, all from a hash."""
    bits = _bits(prompt, number)
    words = [_WORDS[(bits >> 4 * i & 15) % len(_WORDS)] for i in range(12)]
    return _shape(prompt, f"{' '.join(words[:6])}.\n\n{' '.join(words[6:])}.", str(bits >> 48 & 0xFFFF))


def solved(prompt: str, number: int) -> str:
    """Answers a SAT problem in the published prompt rightly in a share RIGHT of cases; other prompts like `hashed`."""
    problems = _CLAUSE.findall(prompt)
    if not problems:
        return hashed(prompt, number)
    k, clauses = int(problems[-1][0]), problems[-1][1]
    bits = _bits(prompt, number)
    assignment = bits & ((1 << k) - 1)
    if k <= 14 and (bits >> 64) % 1000 < 1000 * RIGHT:
        solutions = _solutions(k, clauses)
        if solutions:
            assignment = solutions[assignment % len(solutions)]
    digits = f"{assignment:0{k}b}"
    return _shape(prompt, f"Let us try {digits}.\n\nEvery clause has a true literal.", digits)


def reasoned(prompt: str, number: int) -> str:
    """Goes on reasoning about the sum that a prompt asks for, in zero to seven paragraphs of which some switch thought.

    Right in a share RIGHT of cases; one time in sixteen the reasoning never ends. Where the prompt has ended the
    reasoning itself, only the answer is written. Prompts without a sum are answered like `hashed`.
    """
    sums = _SUM.findall(prompt)
    if not sums:
        return hashed(prompt, number)
    bits = _bits(prompt, number)
    total = int(sums[-1][0]) + int(sums[-1][1])
    if (bits >> 64) % 1000 >= 1000 * RIGHT:
        total += 1 + bits % 9
    words = [_WORDS[(bits >> 4 * i & 15) % len(_WORDS)] for i in range(4)]
    paragraphs = [f"{_OPENERS[(bits >> 3 * i) % len(_OPENERS)]} {' '.join(words)} {i}." for i in range(bits >> 40 & 7)]
    if prompt.rfind("<think>") < prompt.rfind("</think>"):
        return f"The answer is \\boxed{{{total}}}."
    if bits >> 80 & 15 == 0:
        return "\n\n".join([*paragraphs, "So it goes on."])
    end = f"So the sum is {total}.\n</think>\n\nThe answer is \\boxed{{{total}}}."
    return "\n\n".join([*paragraphs, end])


def reply(answer: Answer, request: Request) -> Reply:
    """Gives the scripted reply to a request; TerminalError for a prompt longer than CONTEXT."""
    if len(request.prompt) > CONTEXT:
        raise TerminalError(f"the prompt's {len(request.prompt)} characters exceed the context length of {CONTEXT}")
    # Greedy answers do not depend on the seed.
    seed = request.seed if request.temperature > 0 else 0
    choices = tuple(
        _choice(answer(request.prompt, (seed << 10) + (i if request.temperature > 0 else 0)), request)
        for i in range(request.n)
    )
    return Reply(choices, request.prompt.count(" ") + 1)


def tokens(text: str) -> list[str]:
    """Gives the tokens of a text; joined they are the text."""
    return _TOKEN.findall(text)


def _choice(text: str, request: Request) -> Choice:
    while any(word in text for word in request.banned):
        for word in request.banned:
            text = text.replace(word, "")
    reason, stop_string = "stop", None
    for stop in request.stop:
        at = text.find(stop)
        if at != -1:
            text, stop_string = text[:at], stop
    found = tokens(text)
    if len(found) > request.max_tokens:
        found = found[: request.max_tokens]
        text, reason, stop_string = "".join(found), "length", None
    if not request.logprobs:
        return Choice(text, reason, stop_string, len(found))
    offsets, values = logprobs(found)
    mean = round(sum(values) / len(values), 4) if values else None
    return Choice(text, reason, stop_string, len(found), mean, step_means(text, offsets, values))


def logprobs(found: list[str]) -> tuple[list[int], list[float]]:
    """Gives the offset and an invented log-probability of each token."""
    offsets, at = [], 0
    for token in found:
        offsets.append(at)
        at += len(token)
    return offsets, [-0.125 * (1 + len(token) % 7) for token in found]


def _shape(prompt: str, thought: str, boxed: str) -> str:
    close = "\n</think>" if prompt.rfind("<think>") > prompt.rfind("</think>") else ""
    return f"{thought}{close}\n\nThe answer is \\boxed{{{boxed}}}."


def _bits(prompt: str, number: int) -> int:
    data = prompt.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=16, key=str(number).encode()).digest(), "big")


@lru_cache(maxsize=4096)
def _solutions(k: int, clauses: str) -> tuple[int, ...]:
    """Gives the assignments, first variable in the highest of k bits, that satisfy the formula; at most 64 of them."""
    parsed = []
    for clause in clauses.split(" & "):
        positive = negative = 0
        for sign, letter in re.findall(r"(!?)([A-Z])", clause):
            bit = 1 << (k - 1 - (ord(letter) - ord("A"))) if ord(letter) - ord("A") < k else 0
            if sign:
                negative |= bit
            else:
                positive |= bit
        parsed.append((positive, negative))
    found = []
    for assignment in range(1 << k):
        if all(assignment & positive or ~assignment & negative for positive, negative in parsed):
            found.append(assignment)
            if len(found) == 64:
                break
    return tuple(found)


MODES: Mapping[str, Answer] = {"hash": hashed, "solve": solved, "reason": reasoned}
"""The ways to answer a prompt that no line matches."""
