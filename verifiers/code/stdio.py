"""Programs that read stdin and write stdout: every case in a fresh process, the comparison in ours."""

import math
import time

from verifiers.code.spec import Spec
from verifiers.sandbox import Sandbox

MAX_TOTAL_S = 600.0
SYNTAX = "the program is no Python"
_COMPILING = ("SyntaxError", "IndentationError", "TabError")


def judge(sandbox: Sandbox, program: str, spec: Spec, deadline_s: float) -> tuple[str, str]:
    """Gives verdict and reason; stops at the first case that is out of time.

    Expected outputs stay here. Trailing white space and empty lines at the end are not compared.
    """
    passed, first, worst = 0, "", "wrong"
    left = deadline_s if spec.seconds is None else min(spec.seconds * len(spec.cases) + deadline_s, MAX_TOTAL_S)
    for number, (given, expected) in enumerate(spec.cases, 1):
        allowed = max(0.01, left if spec.seconds is None else min(spec.seconds, left))
        began = time.monotonic()
        outcome = sandbox.run(program, given, allowed)
        left -= min(time.monotonic() - began, outcome.ms / 1e3)
        if outcome.status == "infrastructure":
            return "infrastructure", outcome.error or "no sandbox"
        if outcome.status == "timeout":
            late = f"{passed} of {number} cases pass; case {number} ran longer than {allowed:.3g} s"
            return (worst, f"{late}; first failure: {first}") if first else ("timeout", late)
        if outcome.status == "exception" and number == 1 and (outcome.error or "").startswith(_COMPILING):
            return "wrong", f"{SYNTAX}: {outcome.error}"
        if outcome.status == "ok" and same(outcome.stdout, expected, spec.tolerance):
            passed += 1
            continue
        if not first:
            first = f"case {number}: {_difference(outcome.stdout, expected) if outcome.status == 'ok' else ''}"
            first += outcome.error or ("" if outcome.status == "ok" else outcome.status)
            worst = outcome.status if outcome.status in ("memory", "crash") else "wrong"
            if worst == "crash" and "signal" not in (outcome.error or ""):
                worst = "wrong"  # it ended itself
    line = f"{passed} of {len(spec.cases)} cases pass"
    if not first:
        return "correct", line
    return worst, f"{line}; first failure: {first}"


def same(printed: str, expected: str, tolerance: float | None) -> bool:
    """Whether an output is the expected one; word by word where numbers may differ by `tolerance`."""
    ours, theirs = _lines(printed), _lines(expected)
    if ours == theirs:
        return True
    if tolerance is None:
        return False
    mine, wanted = " ".join(ours).split(), " ".join(theirs).split()
    return len(mine) == len(wanted) and all(_close(a, b, tolerance) for a, b in zip(mine, wanted, strict=True))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _close(a: str, b: str, tolerance: float) -> bool:
    if a == b:
        return True
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    return math.isfinite(x) and math.isclose(x, y, rel_tol=tolerance, abs_tol=tolerance)


def _difference(printed: str, expected: str) -> str:
    """Gives the first line that differs."""
    ours, theirs = _lines(printed), _lines(expected)
    for number, (mine, wanted) in enumerate(zip(ours, theirs, strict=False), 1):
        if mine != wanted:
            return f"line {number} is {mine[:80]!r}, not {wanted[:80]!r}"
    return f"{len(ours)} lines, not {len(theirs)}"
