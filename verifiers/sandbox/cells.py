"""Runs cells one after the other in one namespace, as a notebook does, inside a confined child."""

import ast
import json
import linecache
import os
import signal
from typing import Any

from verifiers.sandbox.channel import ChildEnd
from verifiers.sandbox.program import attempt, compiled

VALUE_CHARS = 100_000


def main(payload: dict[str, Any], channel: ChildEnd, fds: list[int]) -> None:
    """Entry of a session. Each frame is {"cell", "code"}, with the cell's stdout and stderr as descriptors beside it;
    the answer is {"cell", "status", "error", "value"}. Ends when the host closes the channel.
    """
    scope: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    while True:
        request = json.loads(channel.recv_bytes())
        for target, fd in zip((1, 2), channel.received_fds(), strict=False):
            os.dup2(fd, target)
            os.close(fd)
        value: list[str] = []
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            answer = attempt(lambda: _cell(request["cell"], request["code"], scope, value))  # noqa: B023 (called here)
        except KeyboardInterrupt:  # came while the cell was ending
            answer = b'{"status": "timeout", "error": "interrupted at its deadline"}'
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        fields = json.loads(answer)
        channel.send_bytes(
            json.dumps({**fields, "cell": request["cell"], "value": value[0] if value else None}).encode()
        )


def _cell(number: int, code: str, scope: dict[str, Any], value: list[str]) -> None:
    file = f"<cell {number}>"
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    tree = ast.parse(code, file)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compiled(tree, "exec", file), scope)  # noqa: S102 (this process is confined)
    if isinstance(last, ast.Expr):
        result = eval(compiled(ast.Expression(last.value), "eval", file), scope)  # noqa: S307
        if result is not None:
            scope["_"] = result
            value.append(repr(result)[:VALUE_CHARS])
