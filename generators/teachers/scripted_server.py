"""The scripted teacher over HTTP: `python -m generators.teachers.scripted_server --port 0` prints its port and serves.

It speaks as much HTTP/1.1 as a client of /v1/completions needs: keep-alive and Content-Length bodies, no chunks and no
TLS. Answers depend on prompt, seed and choice only, so a repeated request is answered alike, and `--log` tells whether
one was repeated. For tests and benchmarks: it trusts its clients.
"""

import argparse
import asyncio
import hashlib
import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import orjson

from catalog.errors import UserError
from generators.teachers.protocol import Reply, Request, TerminalError
from generators.teachers.script import MODES, Answer, Script, logprobs, read_lines, reply, tokens

STATUSES = {
    "400": b"Bad Request",
    "401": b"Unauthorized",
    "402": b"Payment Required",
    "403": b"Forbidden",
    "404": b"Not Found",
    "429": b"Too Many Requests",
    "500": b"Internal Server Error",
    "502": b"Bad Gateway",
    "503": b"Service Unavailable",
    "504": b"Gateway Timeout",
}
"""Faults that are answers of another status than 200."""

FAULTS = (*STATUSES, "quota", "hang", "reset", "cutoff", "garbage", "blank", "empty")
"""All faults: quota is a 429 for want of funds, hang never an answer, reset a closed connection, cutoff half of a body,
garbage no JSON, blank an empty body, empty a good answer with empty texts."""


class Server:
    """What all connections share: the script, the faults still to come, the log of finished requests."""

    def __init__(
        self,
        answer: Answer,
        faults: list[str],
        *,
        fault_every: int = 0,
        delay_s: float = 0.0,
        retry_after: str = "1",
        log: int | None = None,
    ) -> None:
        self.answer = answer
        self.faults = deque(faults)
        self.fault_every = fault_every
        self.delay_s = delay_s
        self.retry_after = retry_after.encode()
        self.log = log
        self.requests = 0
        self.finished = 0

    def next_fault(self) -> str | None:
        """Gives the fault of the request that has just come: each once, in order, or one every so many requests."""
        self.requests += 1
        if not self.faults or (self.fault_every and self.requests % self.fault_every):
            return None
        fault = self.faults.popleft()
        if self.fault_every:
            self.faults.append(fault)
        return fault

    def note(self, body: bytes) -> None:
        """Notes a finished request; one write a line, so that no line is lost or torn when the server is killed."""
        self.finished += 1
        if self.log is not None:
            os.write(self.log, b"%.6f %s\n" % (time.monotonic(), hashlib.sha1(body).hexdigest().encode()))


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        while True:
            head = self.buffer.find(b"\r\n\r\n")
            if head == -1:
                return
            end = head + 4 + _content_length(self.buffer[:head])
            if len(self.buffer) < end:
                return
            line = self.buffer[: self.buffer.index(b"\r\n")]
            body, self.buffer = self.buffer[head + 4 : end], self.buffer[end:]
            if line.startswith(b"POST") and line.split(b" ")[1].endswith(b"/completions"):
                if self.server.delay_s:
                    asyncio.get_running_loop().call_later(self.server.delay_s, self.complete, body)
                else:
                    self.complete(body)
            else:
                self.look_up(line)

    def complete(self, body: bytes) -> None:
        """Answers a request for completions, or lets the next fault befall it."""
        if self.transport.is_closing():
            return
        fault = self.server.next_fault()
        if fault is None or fault in ("empty", "cutoff"):
            status, payload = _completion(self.server.answer, body, silent=fault == "empty")
            if fault == "cutoff":
                # Promises the whole body and closes after half of it.
                self.transport.write(_message(status, payload)[: -(len(payload) // 2)])
                self.transport.close()
                return
            self.transport.write(_message(status, payload))
            self.server.note(body)
        elif fault == "hang":
            pass
        elif fault == "reset":
            self.transport.abort()
        elif fault == "garbage":
            self.transport.write(_message(b"200 OK", b"<html>it works</html>"))
        elif fault == "blank":
            self.transport.write(_message(b"200 OK", b""))
        else:
            code = "429" if fault == "quota" else fault
            extra = b"Retry-After: %s\r\n" % self.server.retry_after if fault in ("429", "503") else b""
            payload = _error(f"{code}, as ordered", "insufficient_quota" if fault == "quota" else "ordered")
            self.transport.write(_message(code.encode() + b" " + STATUSES[code], payload, extra))

    def look_up(self, line: bytes) -> None:
        """Answers /health, /stats and everything else."""
        path = line.split(b" ")[1] if line.count(b" ") > 1 else b""
        if path.endswith(b"/health"):
            self.transport.write(_message(b"200 OK", b""))
        elif path.endswith(b"/stats"):
            counts = {"requests": self.server.requests, "finished": self.server.finished}
            self.transport.write(_message(b"200 OK", orjson.dumps(counts)))
        else:
            self.transport.write(_message(b"404 Not Found", _error("no such path", "not_found")))


def _completion(answer: Answer, body: bytes, *, silent: bool) -> tuple[bytes, bytes]:
    """Gives status and body of the answer to a request for completions."""
    try:
        value = orjson.loads(body)
        stop = value.get("stop") or ()
        request = Request(
            prompt=value["prompt"],
            n=value.get("n") or 1,
            max_tokens=value.get("max_tokens") or 16,
            temperature=value.get("temperature", 1.0),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            banned=tuple(value.get("bad_words") or ()),
            seed=value.get("seed") or 0,
        )
        given = reply(answer, request)
    except TerminalError as error:
        return b"400 Bad Request", _error(str(error), "context_length_exceeded")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        return b"400 Bad Request", _error(f"no request for completions: {error!r}", "invalid_request")
    return b"200 OK", orjson.dumps(_wire(value, given, silent))


def _wire(value: dict[str, Any], given: Reply, silent: bool) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    for index, choice in enumerate(given.choices):
        text = "" if silent else choice.text
        wire = {"index": index, "text": text, "finish_reason": choice.finish_reason, "stop_reason": choice.stop_string}
        if value.get("logprobs") is not None:
            found = tokens(text)
            offsets, values = logprobs(found)
            wire["logprobs"] = {"tokens": found, "token_logprobs": values, "text_offset": offsets}
        choices.append(wire)
    completion_tokens = 0 if silent else sum(choice.completion_tokens for choice in given.choices)
    return {
        "id": "cmpl-scripted",
        "object": "text_completion",
        "created": int(time.time()),
        "model": value.get("model"),
        "choices": choices,
        "usage": {"prompt_tokens": given.prompt_tokens, "completion_tokens": completion_tokens},
    }


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at == -1:
        return 0
    end = head.find(b"\r\n", at + 2)
    return int(head[at + 17 : end if end != -1 else len(head)])


def _message(status: bytes, payload: bytes, extra: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
    return head % (status, len(payload), extra) + payload


def _error(message: str, code: str) -> bytes:
    return orjson.dumps({"error": {"message": message, "type": code, "code": code}})


def _faults(text: str) -> list[str]:
    found = [fault for fault in text.split(",") if fault]
    for fault in found:
        if fault not in FAULTS:
            raise argparse.ArgumentTypeError(f"no fault {fault!r}: use {', '.join(FAULTS)}")
    return found


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="generators.teachers.scripted_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the port is printed either way")
    parser.add_argument("--answers", type=Path, help='JSONL of {"match", "text"}, asked first')
    parser.add_argument("--mode", choices=("file", *MODES), default="file", help="answers what no line matches")
    parser.add_argument("--default", default="I do not know.", help="the answer of mode `file` where no line matches")
    parser.add_argument("--faults", type=_faults, default=[], help=f"comma-separated, of {', '.join(FAULTS)}")
    parser.add_argument("--fault-every", type=int, default=0, help="one fault every N requests, by turns, for ever")
    parser.add_argument("--retry-after", default="1", help="what 429 and 503 ask for: seconds or an HTTP date")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="time to each answer")
    parser.add_argument("--log", type=Path, help="a line per finished request: monotonic seconds, SHA-1 of its body")
    return parser.parse_args(argv)


async def _serve(arguments: argparse.Namespace) -> None:
    lines = read_lines(arguments.answers) if arguments.answers else ()
    answer = MODES.get(arguments.mode, lambda prompt, number: arguments.default)
    log = os.open(arguments.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if arguments.log else None
    server = Server(
        Script(lines, answer) if lines else answer,
        arguments.faults,
        fault_every=arguments.fault_every,
        delay_s=arguments.delay_ms / 1000,
        retry_after=arguments.retry_after,
        log=log,
    )
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Connection(server), arguments.host, arguments.port, backlog=1024)
    print(listener.sockets[0].getsockname()[1], flush=True)
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    await done.wait()


def main(argv: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT."""
    try:
        asyncio.run(_serve(_arguments(argv)))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
