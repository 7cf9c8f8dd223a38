"""How many requests a teacher gets at once: as many as the recipe allows, fewer after it said 429, none in a pause.

Additive increase, multiplicative decrease, as in TCP's congestion avoidance (RFC 5681): a refusal halves the limit, a
limit's worth of successes raises it by one. It does not retry and knows nothing of requests.
"""

import asyncio
from collections import deque


class Limiter:
    """Slots for requests on one event loop; not safe across threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        """Slots when nothing was refused lately."""
        self.limit = most
        """Slots at present, from 1 to `most`."""
        self.in_flight = 0
        self._successes = 0
        self._generation = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._pause: asyncio.TimerHandle | None = None

    async def acquire(self) -> int:
        """Waits for a slot; gives the generation of the limit, which `slow_down` wants back."""
        if self.in_flight < self.limit and self._pause is None and not self._waiters:
            self.in_flight += 1
            return self._generation
        turn = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()  # the slot came at the same moment as the cancellation
            elif turn in self._waiters:
                self._waiters.remove(turn)
            raise
        return self._generation

    def release(self) -> None:
        """Gives a slot back, whatever became of the request."""
        self.in_flight -= 1
        if self._waiters:
            self._wake()

    def succeeded(self) -> None:
        """Counts an answered request."""
        if self.limit < self.most:
            self._successes += 1
            if self._successes >= self.limit:
                self.limit += 1
                self._successes = 0
                self._wake()

    def slow_down(self, generation: int, pause_s: float) -> None:
        """Halves the limit and lets no request start for `pause_s` seconds.

        Of the requests that were in flight together only the first halves it: the others, told by their `generation`,
        were sent before the teacher's answer could be heeded.
        """
        if generation == self._generation:
            self._generation += 1
            self.limit = max(1, self.limit // 2)
            self._successes = 0
        loop = asyncio.get_running_loop()
        until = loop.time() + pause_s
        if pause_s > 0 and (self._pause is None or self._pause.when() < until):
            if self._pause is not None:
                self._pause.cancel()
            self._pause = loop.call_at(until, self._resume)

    def close(self) -> None:
        """Forgets a pause that is still running."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _resume(self) -> None:
        self._pause = None
        self._wake()

    def _wake(self) -> None:
        while self._waiters and self.in_flight < self.limit and self._pause is None:
            turn = self._waiters.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
