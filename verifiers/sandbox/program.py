"""Runs a whole program as `python program.py` would, inside a confined child, and says how it ended.

What it says is about the program's own end and comes from the program's own process: a program that forges it has
only lied about itself. What a program prints is never read as a statement of the sandbox.
"""

import ast
import json
import linecache
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import CodeType
from typing import Any

from verifiers.sandbox.channel import ChildEnd

FILE = "<program>"
MEMORY = b'{"status": "memory", "error": "MemoryError"}'
"""Made beforehand: where memory has ended, nothing may be made any more."""

_OK = b'{"status": "ok", "error": null}'
_ERROR_CHARS = 1000


def main(payload: dict[str, Any], channel: ChildEnd, fds: list[int]) -> None:
    """Entry of `Sandbox.run`. `payload`: {"code"}; answers {"status", "error"}."""
    scope: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    channel.send_bytes(attempt(lambda: execute(payload["code"], scope)))


def execute(code: str, scope: dict[str, Any]) -> None:
    linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
    exec(compiled(code, "exec"), scope)  # noqa: S102 (this process is confined)
    _wait_for_threads()


def compiled(code: str | ast.Module | ast.Expression, mode: str, file: str = FILE) -> CodeType:
    result: CodeType = compile(code, file, mode, dont_inherit=True)
    return result


def attempt(work: Callable[[], None]) -> bytes:
    """Gives the answer frame for calling `work`; a traceback goes to stderr."""
    try:
        try:
            work()
        finally:
            _flush()
    except MemoryError:
        return MEMORY
    except SystemExit as stop:
        if stop.code is None or stop.code == 0:
            return _OK
        if not isinstance(stop.code, int):
            _say(f"{stop.code}\n")
        return _exception(stop)
    except KeyboardInterrupt as stop:
        _say(_trace(stop))
        return json.dumps({"status": "timeout", "error": "interrupted at its deadline"}).encode()
    except BaseException as error:
        _say(_trace(error))
        return _exception(error)
    return _OK


def _exception(error: BaseException) -> bytes:
    with suppress(BaseException):
        text = traceback.format_exception_only(error)[-1].strip()
        return json.dumps({"status": "exception", "error": text[:_ERROR_CHARS]}).encode()
    return b'{"status": "exception", "error": "an exception that cannot be printed"}'


def _trace(error: BaseException) -> str:
    """The traceback from the program's first frame on."""
    with suppress(BaseException):
        step = error.__traceback__
        while step is not None and not step.tb_frame.f_code.co_filename.startswith(("<program", "<cell")):
            step = step.tb_next
        return "".join(traceback.format_exception(type(error), error, step))
    return "an exception that cannot be printed\n"


def _say(text: str) -> None:
    with suppress(BaseException):
        sys.stderr.write(text)
        sys.stderr.flush()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass


def _wait_for_threads() -> None:
    """As the interpreter does at its end; daemon threads are not waited for."""
    if threading.active_count() == 1:
        return
    main_thread = threading.main_thread()
    for thread in threading.enumerate():
        if thread is not main_thread and not thread.daemon:
            thread.join()
