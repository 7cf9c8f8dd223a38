"""What a build has paid for so far, and the limits at which it stops."""

import threading
import time
from dataclasses import dataclass

from catalog.errors import Stopped


class BudgetReached(Stopped):
    """A limit of the recipe's budget is reached: what is in flight is finished and kept, nothing more is asked."""


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many tokens, seconds and money; None is no limit."""

    tokens: int | None = None
    seconds: float | None = None
    money: float | None = None


@dataclass(slots=True)
class _Spent:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    money: float = 0.0


class Meter:
    """Counts tokens and money of new completions; those taken from the journal cost nothing. Thread-safe.

    `price_input` and `price_output` are money per million tokens. The tokens of requests in flight when a limit is
    reached come on top: at most one request a slot of the teacher.
    """

    def __init__(self, limits: Limits, price_input: float = 0.0, price_output: float = 0.0) -> None:
        self.limits = limits
        self._prices = (price_input / 1e6, price_output / 1e6)
        self._spent = _Spent()
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def at(self, price_input: float, price_output: float) -> "Meter":
        """Gives a meter that counts into the same sums, for a teacher with other prices."""
        other = Meter(self.limits, price_input, price_output)
        other._spent, other._started, other._lock = self._spent, self._started, self._lock
        return other

    def add(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Counts one reply."""
        with self._lock:
            self._spent.prompt_tokens += prompt_tokens
            self._spent.completion_tokens += completion_tokens
            self._spent.money += prompt_tokens * self._prices[0] + completion_tokens * self._prices[1]

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens of new completions."""
        return self._spent.prompt_tokens

    @property
    def completion_tokens(self) -> int:
        """Tokens of new completions."""
        return self._spent.completion_tokens

    @property
    def money(self) -> float:
        """Money spent, by the teachers' prices."""
        return self._spent.money

    @property
    def seconds(self) -> float:
        """Seconds since the first of these meters was made."""
        return time.monotonic() - self._started

    def reached(self) -> str | None:
        """Gives the sentence that says which limit is reached, None while there is room."""
        limits = self.limits
        tokens = self.prompt_tokens + self.completion_tokens
        if limits.tokens is not None and tokens >= limits.tokens:
            return f"The budget of {limits.tokens:,} tokens is spent ({tokens:,} used)."
        if limits.money is not None and self.money >= limits.money:
            return f"The budget of {limits.money:g} is spent ({self.money:.4f} used)."
        if limits.seconds is not None and self.seconds >= limits.seconds:
            return f"The budget of {limits.seconds:g} seconds is used up."
        return None

    def check(self) -> None:
        """Raises BudgetReached once a limit is reached."""
        reached = self.reached()
        if reached:
            raise BudgetReached(reached)
