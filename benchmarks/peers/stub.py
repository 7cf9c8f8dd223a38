"""The server that all arms talk to: the scripted teacher, which also answers /v1/chat/completions for the peers.

`python benchmarks/peers/stub.py` prints its port and serves until SIGTERM. A chat request costs it what a completion
costs: the same parsing, the same answer to the same prompt, the same writing. `GET /stats` counts requests.
"""

import asyncio
import os
import signal
import time

import orjson

from generators.teachers.protocol import Request
from generators.teachers.script import MODES, reply
from generators.teachers.scripted_server import Connection, Server

ANSWER = MODES["solve"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Both(Connection):
    """A connection of the scripted teacher that knows chat requests."""

    def complete(self, body: bytes) -> None:
        """Answers a request of either shape."""
        if b'"messages"' not in body:
            return super().complete(body)
        value = orjson.loads(body)
        if not value["messages"]:  # how curator asks for rate limits, which it looks for in the answer's headers
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        self.server.next_fault()
        payload = orjson.dumps(_chat(value))
        self.transport.write(HEAD % len(payload) + payload)
        self.server.note(body)


def _chat(value: dict) -> dict:
    content = value["messages"][-1]["content"]
    if isinstance(content, list):  # parts, as some clients write even a lone text
        content = "".join(part.get("text", "") for part in content)
    request = Request(
        prompt=content,
        n=value.get("n") or 1,
        max_tokens=value.get("max_tokens") or value.get("max_completion_tokens") or 4096,
        temperature=value.get("temperature", 1.0),
        seed=value.get("seed") or 0,
    )
    given = reply(ANSWER, request)
    completion_tokens = sum(choice.completion_tokens for choice in given.choices)
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": value.get("model"),
        "choices": [
            {
                "index": i,
                "message": {"role": "assistant", "content": choice.text},
                "finish_reason": choice.finish_reason,
                "logprobs": None,
            }
            for i, choice in enumerate(given.choices)
        ],
        "usage": {
            "prompt_tokens": given.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": given.prompt_tokens + completion_tokens,
        },
    }


async def _serve() -> None:
    server = Server(ANSWER, [])
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Both(server), "127.0.0.1", 0, backlog=1024)
    print(listener.sockets[0].getsockname()[1], flush=True)
    done = asyncio.Event()
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    while not done.is_set() and os.getppid() == parent:  # ends with a benchmark that was killed, too
        try:
            await asyncio.wait_for(done.wait(), 5)
        except TimeoutError:
            pass


if __name__ == "__main__":
    asyncio.run(_serve())
