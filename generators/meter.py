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


class Meter:
    """Counts tokens and money of new completions; those taken from the journal cost nothing. Thread-safe.

    `price_input` and `price_output` are money per million tokens. The tokens of requests in flight when a limit is
    reached come on top: at most one request a slot of the teacher.
    """

    def __init__(self, limits: Limits, price_input: float = 0.0, price_output: float = 0.0) -> None:
        self.limits = limits
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self._prices = (price_input / 1e6, price_output / 1e6)
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def add(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Counts one reply."""
        with self._lock:
            self.prompt_tokens += prompt_tokens
            self.completion_tokens += completion_tokens

    @property
    def money(self) -> float:
        """Money spent, by the teacher's prices."""
        return self.prompt_tokens * self._prices[0] + self.completion_tokens * self._prices[1]

    @property
    def seconds(self) -> float:
        """Seconds since the meter was made."""
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
