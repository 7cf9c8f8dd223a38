"""Servers for the tests of teachers: the scripted server as a process, and one that sends given bytes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from generators.teachers.client import CompletionsClient
from generators.teachers.protocol import Reply, Request

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def scripted_server(*arguments: str) -> Iterator[str]:
    """Gives the URL, with version, of a scripted server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "generators.teachers.scripted_server", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def raw_server(answer: Callable[[int], bytes]) -> AsyncIterator[str]:
    """Gives the URL of a server that sends `answer(i)` to its i-th request and closes the connection."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
        writer.write(answer(count - 1))
        try:
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


def http(status: str, body: bytes, *headers: str) -> bytes:
    """Gives the bytes of an HTTP answer."""
    lines = "".join(f"{h}\r\n" for h in (f"Content-Length: {len(body)}", *headers))
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def client_of(url: str, **changes: Any) -> CompletionsClient:
    """Gives a client with short waits."""
    options: dict[str, Any] = {"concurrency": 16, "timeout_s": 20, "retries": 3, "backoff_s": 0.01}
    return CompletionsClient("t", "m", url=url, model="m", **(options | changes))


def ask(url: str, *requests: Request, **options: Any) -> list[Reply | BaseException]:
    """Gives what became of the requests, sent together."""

    async def main() -> list[Reply | BaseException]:
        async with client_of(url, **options) as client:
            return await asyncio.gather(*(client.complete(r) for r in requests), return_exceptions=True)

    return asyncio.run(main())


def stats(url: str) -> dict[str, int]:
    """Gives what a scripted server counted."""

    async def main() -> dict[str, int]:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/stats") as response:
            return await response.json()

    return asyncio.run(main())
