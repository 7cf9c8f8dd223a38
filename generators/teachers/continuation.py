"""One continuation while it grows: its tokens and their text, stop strings, banned words, log-probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from generators.teachers.drawing import Draw
from generators.teachers.protocol import Choice, Request, step_means

REDRAWS = 256
"""Banned words taken back in one continuation before it is ended in front of the next."""

_HELD_TOKENS = 8
"""Tokens held back at most while the bytes of a character are incomplete."""

Decode = Callable[[Sequence[int]], str]


@dataclass(slots=True)
class Continuation:
    """What is known of one continuation; `grow` adds a token, `finished` tells that no more are wanted."""

    request: Request
    seed: int
    limit: int
    """New tokens at most: the request's, or fewer where the context ends before."""
    decode: Decode
    """Turns token ids into text."""
    ends: frozenset[int]
    """Ids of the tokens that end a text."""
    masked: tuple[int, ...]
    """Ids of the tokens that hold a banned word all by themselves."""
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Character of `text` at which each token starts."""
    text: str = ""
    finished: bool = False
    ended: bool = False
    """Finished by the end of the text, a stop string or a banned word, not by the limit."""
    stop_string: str | None = None
    redraws: int = 0
    _settled: int = 0
    """Tokens whose text stands in `text`."""
    _context: int = 0
    """First token of the stretch that the next text is decoded with: some tokenizers look at what stands before."""
    _forbidden: dict[int, set[int]] = field(default_factory=dict)
    """By position, tokens that would start a banned word there."""

    def next_draw(self) -> Draw:
        """Gives how the next token is to be drawn."""
        at = len(self.tokens)
        forbidden = self._forbidden.get(at)
        return Draw(
            self.request.temperature,
            self.request.top_p,
            self.seed,
            at + (self.redraws << 32),
            (*self.masked, *forbidden) if forbidden else self.masked,
        )

    def grow(self, token: int, logprob: float) -> int:
        """Adds a token; gives how many tokens were taken back, that one included, because of a banned word."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.offsets.append(len(self.text))
        if token in self.ends:
            self.finished = self.ended = True
            return self._settle(final=True)
        last = len(self.tokens) >= self.limit
        taken_back = self._settle(final=last)
        if last and not taken_back:
            self.finished = True
        return taken_back

    def choice(self) -> Choice:
        """Gives the finished continuation as a reply carries it."""
        mean = steps = None
        if self.request.logprobs:
            inside = [i for i, offset in enumerate(self.offsets) if offset <= len(self.text)]
            values = [self.logprobs[i] for i in inside]
            mean = sum(values) / len(values) if values else 0.0
            steps = step_means(self.text, [self.offsets[i] for i in inside], values)
        reason = "stop" if self.ended else "length"
        return Choice(self.text, reason, self.stop_string, len(self.tokens), mean, steps)

    def _settle(self, final: bool) -> int:
        """Puts the text of new tokens into `text` and looks at it; gives the number of tokens taken back."""
        count = len(self.tokens) - (self.tokens[-1] in self.ends)
        fresh = self.decode(self.tokens[self._context : count])
        if fresh.endswith("\ufffd") and not final and count - self._settled < _HELD_TOKENS:
            return 0
        known = self.decode(self.tokens[self._context : self._settled])
        before = len(self.text)
        self.text += fresh[len(known) :]
        self._context, self._settled = self._settled, count
        if self._stop(before):
            before = min(before, len(self.text))
        return self._ban(before) if self.request.banned else 0

    def _stop(self, before: int) -> bool:
        """Cuts the text before the first stop string that its new part, from `before`, completes."""
        found: tuple[int, str] | None = None
        for stop in self.request.stop:
            at = self.text.find(stop, max(0, before - len(stop) + 1)) if stop else -1
            if at != -1 and (found is None or at < found[0]):
                found = at, stop
        if found is None:
            return False
        self.text, self.stop_string = self.text[: found[0]], found[1]
        self.finished = self.ended = True
        return True

    def _ban(self, before: int) -> int:
        """Takes back the tokens from the one in which a banned word begins, and forbids that one there."""
        starts = [self.text.find(word, max(0, before - len(word) + 1)) for word in self.request.banned if word]
        starts = [at for at in starts if at != -1]
        if not starts:
            return 0
        start = min(starts)
        if self.redraws >= REDRAWS:
            self.text, self.stop_string = self.text[:start], None
            self.finished = self.ended = True
            return 0
        at = max(i for i, offset in enumerate(self.offsets) if offset <= start)
        taken_back = len(self.tokens) - at
        self._forbidden.setdefault(at, set()).add(self.tokens[at])
        for later in [i for i in self._forbidden if i > at]:
            del self._forbidden[later]
        self._rewind(at)
        self.redraws += 1
        return taken_back

    def _rewind(self, count: int) -> None:
        """Forgets all tokens but the first `count`, and the text from where they end."""
        end = self.offsets[count]
        self.text = self.text[:end]
        # Tokens that start there too were waiting for the rest of a character, and wait again.
        self._settled = next(i for i, offset in enumerate(self.offsets) if offset == end)
        self._context = max(0, self._settled - _HELD_TOKENS)
        del self.tokens[count:], self.logprobs[count:], self.offsets[count:]
        self.finished = self.ended = False
        self.stop_string = None
