"""Programs: the last Python block of the response, run against the task's tests, neither seeing the other.

The tests run in a process of their own and call the program, in another one, over a channel that carries data only;
both are sandboxed (`verifiers.sandbox`). So there is nothing in the program's process to read, patch or forge, and
what it prints, or how it exits, decides nothing.

The spec: {"kind": "asserts", "setup", "asserts": [...]}, {"kind": "check", "test", "entry_point", "prompt"?} or
{"kind": "stdio", "cases": [{"input", "output"}]}; see `verifiers.code.spec` for what else it may say.
"""

import time
from typing import Any

from verifiers.verdict import Judgement

NAME = "code"
VERSION = 2
DEADLINE_S = 5.0
SANDBOX = "filters"
"""The least level of the sandbox at which programs run, unless the caller asks for another."""


def verify(
    response: str, reference: str, spec: dict[str, Any], deadline_s: float = DEADLINE_S, sandbox: str = SANDBOX
) -> Judgement:
    """Judges one response in the sandbox that this process shares; the reference is not looked at. Never hangs.

    `deadline_s`: seconds for all tests together, or for each where the spec says {"seconds"}. Besides correct and
    wrong: `unparsable` (no Python in the response), `bad_reference` (the tests cannot run), `timeout`, `memory`,
    `crash` (a signal ended the program), `infrastructure` (no sandbox). Raises UserError for a senseless deadline, and
    on a machine that does not reach the level `sandbox` (see verifiers.sandbox).
    """
    return fast(response, reference, spec) or slow(response, reference, spec, deadline_s, sandbox)


def fast(response: str, reference: str, spec: dict[str, Any]) -> Judgement | None:
    """Gives the judgement where nothing has to run: no usable spec, or no program in the response; else None."""
    from verifiers.code import program
    from verifiers.code.spec import read

    started = time.perf_counter()
    try:
        read(spec)
    except ValueError as error:
        return _judgement("bad_reference", None, str(error), started)
    try:
        program.extract(response)
    except program.NoProgram as error:
        return _judgement("unparsable", None, str(error), started)
    return None


def slow(
    response: str, reference: str, spec: dict[str, Any], deadline_s: float = DEADLINE_S, sandbox: str = SANDBOX
) -> Judgement:
    """Runs what `fast` left open."""
    from verifiers.code import running
    from verifiers.code.program import extract
    from verifiers.code.spec import read
    from verifiers.sandbox import require

    require(sandbox)
    started = time.perf_counter()
    program = extract(response)
    verdict, detail = running.judge(program, read(spec), deadline_s)
    return _judgement(verdict, program[:500], detail, started)


def _judgement(verdict: str, extracted: str | None, detail: str, started: float) -> Judgement:
    line = " ".join(detail.split())[:600]
    return Judgement(verdict, extracted, line, (time.perf_counter() - started) * 1e3, NAME, VERSION)
