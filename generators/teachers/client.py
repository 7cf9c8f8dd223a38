"""The client of /v1/completions: one session, bounded retries, a limiter; what every teacher behind HTTP is made of.

It adds as little as it can to a bare request, since a build may want thousands a second from it. It does not start,
watch or restart what it talks to.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import orjson
from yarl import URL

from catalog.ids import seed_for
from generators.teachers.failures import RetryError, failure
from generators.teachers.limiter import Limiter
from generators.teachers.protocol import Choice, Reply, Request, TerminalError, TransientError
from generators.teachers.replies import MAX_BODY, MalformedError, printable, read_reply

CONNECT_TIMEOUT_S = 30.0
LONGEST_BACKOFF_S = 30.0

REDRAWS = 8
"""How often a choice with a banned word in it is drawn anew before the request is given up."""


class CompletionsClient:
    """A teacher behind an OpenAI-compatible /v1/completions.

    `url` goes up to and including the version. `mend` says, for the message of an AccountError, what a person should
    look at. `bad_words` tells that the endpoint knows vLLM's parameter of that name; either way the texts are checked,
    and those with a banned word drawn anew. `gate` is awaited before each attempt, is told whether the one before
    failed, and gives a number that changes when the server was restarted: attempts that died with their server do not
    count. Use it as an asynchronous context manager.
    """

    def __init__(
        self,
        name: str,
        revision: str,
        *,
        url: str,
        model: str,
        concurrency: int,
        timeout_s: float,
        retries: int,
        api_key: str | None = None,
        mend: str = "check its address and model in the recipe",
        bad_words: bool = False,
        backoff_s: float = 0.5,
        gate: Callable[[bool], Awaitable[int]] | None = None,
    ) -> None:
        self.name = name
        self.revision = revision
        self.concurrency = concurrency
        self.limiter = Limiter(concurrency)
        self._who = f"The teacher {name!r} at {url}"
        self._url = URL(f"{url.rstrip('/')}/completions")
        self._model = model
        self._retries = retries
        self._api_key = api_key
        self._mend = mend
        self._bad_words = bad_words
        self._backoff_s = backoff_s
        self._gate = gate
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "reasonmill"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency),
            headers=headers,
            skip_auto_headers=("Accept",),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, CONNECT_TIMEOUT_S)),
            auto_decompress=False,  # a compressed body could be a thousand times MAX_BODY
        )

    async def complete(self, request: Request) -> Reply:
        """Gives the reply to a request; errors as the protocol says."""
        # A greedy answer is the same every time, and vLLM refuses to draw it more than once.
        n = 1 if request.temperature == 0 else request.n
        reply = await self._ask(request, n, request.seed)
        if request.banned and request.redraw:
            reply = await self._without_banned(request, reply)
        return reply if n == request.n else replace(reply, choices=reply.choices * request.n)

    async def close(self) -> None:
        self.limiter.close()
        await self._session.close()

    async def __aenter__(self) -> "CompletionsClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _without_banned(self, request: Request, reply: Reply) -> Reply:
        choices: list[Choice] = list(reply.choices)
        for redraw in range(REDRAWS + 1):
            bad = [i for i, c in enumerate(choices) if any(word in c.text for word in request.banned)]
            if not bad:
                return replace(reply, choices=tuple(choices))
            if redraw == REDRAWS or request.temperature == 0:
                break
            fresh = await self._ask(request, len(bad), seed_for(request.seed, "redraw", redraw))
            for i, choice in zip(bad, fresh.choices, strict=True):
                choices[i] = choice
        words = ", ".join(repr(printable(word, 40)) for word in request.banned[:5])
        raise TerminalError(f"{self._who} answers with a banned word ({words}) however often it is asked")

    async def _ask(self, request: Request, n: int, seed: int) -> Reply:
        """Gives the answer of the first attempt that succeeds."""
        body = self._body(request, n, seed)
        server = await self._gate(False) if self._gate else 0
        attempts = failures = 0
        while True:
            attempts += 1
            try:
                return await self._attempt(request, n, body)
            except RetryError as error:
                last = error
            if self._gate is None and attempts > self._retries:
                break
            if not last.pause_s:
                await asyncio.sleep(self._backoff(attempts))
            if self._gate:
                current = await self._gate(True)
                failures += current == server
                server = current
                if failures > self._retries:
                    break
        raise TransientError(f"{self._who} failed {attempts} times, at last with {last}")

    async def _attempt(self, request: Request, n: int, body: bytes) -> Reply:
        generation = await self.limiter.acquire()
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                data = await self._read(response)
            if response.status == 200:
                reply = read_reply(data, request, n)
                self.limiter.succeeded()
                return reply
        except MalformedError as error:
            raise RetryError(f"a malformed answer ({error})") from None
        except TimeoutError:
            raise RetryError("no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise RetryError(f"{type(error).__name__} ({self._clean(error)})") from None
        finally:
            self.limiter.release()
        refusal = failure(response.status, response.headers, data, self._who, self._mend)
        if isinstance(refusal, RetryError):
            if refusal.refused or refusal.pause_s:
                self.limiter.slow_down(generation, refusal.pause_s or 0.0)
            raise refusal
        raise type(refusal)(self._hidden(str(refusal)))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Gives the body; one longer than MAX_BODY is malformed."""
        length = response.content_length
        if length is not None and length <= MAX_BODY:
            return await response.read()
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > MAX_BODY:
                raise MalformedError(f"more than {MAX_BODY} bytes")
        return bytes(data)

    def _body(self, request: Request, n: int, seed: int) -> bytes:
        fields: dict[str, Any] = {
            "model": self._model,
            "prompt": request.prompt,
            "n": n,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": seed,
        }
        if request.stop:
            fields["stop"] = request.stop
        if request.logprobs:
            fields["logprobs"] = 1
        if request.banned and self._bad_words:
            fields["bad_words"] = request.banned
        try:
            return orjson.dumps(fields)
        except TypeError as error:  # lone surrogates
            raise TerminalError(f"the request cannot be written as JSON: {error}") from None

    def _backoff(self, attempts: int) -> float:
        """Doubles with every failure, with jitter so that requests that failed together do not return together."""
        return min(self._backoff_s * 2 ** (attempts - 1), LONGEST_BACKOFF_S) * random.uniform(0.5, 1.0)

    def _clean(self, error: BaseException) -> str:
        return self._hidden(printable(error, 200))

    def _hidden(self, text: str) -> str:
        """Endpoints like to repeat the key they were given."""
        return text.replace(self._api_key, "***") if self._api_key else text
