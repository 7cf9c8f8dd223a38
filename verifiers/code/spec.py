"""A code task's spec: which tests there are, checked and bounded before anything runs."""

from dataclasses import dataclass
from typing import Any

MAX_TESTS = 10_000
MAX_SECONDS = 120.0
MEMORY_MB = (32, 4096)

KINDS = ("asserts", "check", "stdio")


@dataclass(frozen=True, slots=True)
class Spec:
    """The tests of one task."""

    kind: str
    """asserts, check or stdio."""
    setup: str = ""
    """Code that runs before the assertions, in the tests' process."""
    tests: tuple[str, ...] = ()
    """The assertions; of a check, the one text that defines check(candidate)."""
    entry_point: str = ""
    prompt: str = ""
    """The beginning of a function (HumanEval): goes before the program; its helpers are there for the tests."""
    cases: tuple[tuple[str, str], ...] = ()
    """Of stdio: input and expected output."""
    classes: tuple[str, ...] = ()
    """Names that are classes though they begin with a small letter."""
    seconds: float | None = None
    """For each test; None: the deadline holds for all of them together."""
    memory_mb: int = 512
    tolerance: float | None = None
    """Of stdio: numbers may differ by this much, absolute or relative."""


def read(data: dict[str, Any]) -> Spec:
    """Reads a spec; raises ValueError with a sentence."""
    kind = data.get("kind")
    if kind not in KINDS:
        raise ValueError("the spec's field 'kind' must be 'asserts', 'check' or 'stdio'")
    seconds, memory, tolerance = data.get("seconds"), data.get("memory_mb", 512), data.get("tolerance")
    if seconds is not None and not _number(seconds, 0.01, MAX_SECONDS):
        raise ValueError(f"the spec's field 'seconds' must be a number from 0.01 to {MAX_SECONDS:g}")
    if not _number(memory, *MEMORY_MB):
        raise ValueError(f"the spec's field 'memory_mb' must be a number from {MEMORY_MB[0]} to {MEMORY_MB[1]}")
    if tolerance is not None and not _number(tolerance, 0, 1):
        raise ValueError("the spec's field 'tolerance' must be a number from 0 to 1")
    common: dict[str, Any] = {"kind": kind, "seconds": seconds, "memory_mb": int(memory), "tolerance": tolerance}
    common["classes"] = _texts(data, "classes", ())
    if kind == "stdio":
        return Spec(**common, cases=_cases(data.get("cases")))
    common["setup"] = "\n".join(_texts(data, "setup", ()))
    if kind == "asserts":
        tests = _texts(data, "asserts")
        if not tests or len(tests) > MAX_TESTS:
            raise ValueError(f"the spec's field 'asserts' must hold 1 to {MAX_TESTS} assertions")
        return Spec(**common, tests=tests)
    entry_point = data.get("entry_point")
    if not isinstance(entry_point, str) or not entry_point.isidentifier():
        raise ValueError("the spec's field 'entry_point' must be the name of a function")
    return Spec(
        **common, tests=_texts(data, "test")[:1], entry_point=entry_point, prompt="\n".join(_texts(data, "prompt", ()))
    )


def _number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _texts(data: dict[str, Any], name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
    value = data.get(name)
    if value is None:
        if default is None:
            raise ValueError(f"the spec has no field {name!r}")
        return default
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the spec's field {name!r} must be text, or a list of texts")
    return tuple(texts)


def _cases(cases: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(cases, list) or not 1 <= len(cases) <= MAX_TESTS:
        raise ValueError(f"the spec's field 'cases' must hold 1 to {MAX_TESTS} cases")
    found = []
    for number, case in enumerate(cases, 1):
        if not isinstance(case, dict) or not all(isinstance(case.get(name), str) for name in ("input", "output")):
            raise ValueError(f"case {number} of the spec has no texts 'input' and 'output'")
        found.append((case["input"], case["output"]))
    return tuple(found)
