"""What every teacher does: complete raw text from a prefix. Its requests, replies and failures.

A teacher knows nothing of tasks, journals or retries across a build: it turns one request into one reply.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """`n` continuations of one prompt."""

    prompt: str
    """The raw text to continue, chat markup and half-written traces included."""
    n: int = 1
    max_tokens: int = 256
    """Limit on new tokens of each continuation."""
    temperature: float = 0.6
    """0 is greedy."""
    top_p: float = 0.95
    stop: tuple[str, ...] = ()
    """Strings that end a continuation; the text ends before them."""
    banned: tuple[str, ...] = ()
    """Words that no continuation may contain."""
    redraw: bool = True
    """Whether a teacher that cannot keep banned words out draws anew by itself; else its texts may contain them."""
    seed: int = 0
    """In [0, 2**63); the same request to the same idle engine gives the same texts."""
    logprobs: bool = False
    """Whether the reply carries log-probabilities."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One continuation."""

    text: str
    finish_reason: str
    """`stop` (end of text or a stop string) or `length`."""
    stop_string: str | None
    """The stop string that ended it, where the teacher tells."""
    completion_tokens: int
    mean_logprob: float | None = None
    """Mean natural-log probability of the tokens."""
    step_logprobs: list[float] | None = None
    """The same mean, a value per paragraph (text between blank lines)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: exactly `n` choices."""

    choices: tuple[Choice, ...]
    prompt_tokens: int
    cached_tokens: int | None = None
    """Prompt tokens the engine took from its prefix cache, where it tells."""


class Teacher(Protocol):
    """Something that completes text. Safe for concurrent `complete` calls on one event loop.

    `complete` raises TransientError once its own bounded retries are used up, TerminalError for a request that can
    never succeed, and AccountError for what concerns every request.
    """

    name: str
    """Its name in the recipe."""
    revision: str
    """Model and revision: whatever changes the distribution of its answers changes this text."""
    concurrency: int
    """Requests that keep it full."""

    async def complete(self, request: Request) -> Reply: ...

    async def close(self) -> None: ...


class TransientError(Exception):
    """The request may succeed later (429, 5xx, a timeout, a cut-off answer): the row stays pending."""


class TerminalError(Exception):
    """This request can never succeed (prompt too long, refused by content): the row is rejected, the build goes on."""


class AccountError(Exception):
    """Every request will fail until a person acts (wrong key, no funds, unknown model): the build pauses."""


def step_means(text: str, offsets: list[int], logprobs: list[float]) -> list[float]:
    """Gives the mean of `logprobs` for each paragraph of `text`, paragraphs being separated by blank lines.

    `offsets[i]` is the character of `text` at which token i starts; both lists have one value per token. A paragraph
    in which no token starts gets 0.0.
    """
    starts = [0]
    at = text.find("\n\n")
    while at != -1:
        while at < len(text) and text[at] == "\n":
            at += 1
        if at < len(text):
            starts.append(at)
        at = text.find("\n\n", at)
    sums, counts = [0.0] * len(starts), [0] * len(starts)
    step = 0
    for offset, logprob in zip(offsets, logprobs, strict=True):
        while step + 1 < len(starts) and offset >= starts[step + 1]:
            step += 1
        sums[step] += logprob
        counts[step] += 1
    return [round(total / count, 4) if count else 0.0 for total, count in zip(sums, counts, strict=True)]
