"""Untrusted Python, confined: one-shot programs and sessions. docs/security.md says against what.

Names are loaded when they are asked for: what runs inside imports this package too, and each library that it would
load for our side is one more to map for every run.
"""

import functools
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifiers.sandbox.box import Sandbox
    from verifiers.sandbox.holding import Protection, level, protections, require
    from verifiers.sandbox.host import Gone, Run
    from verifiers.sandbox.outcome import Limits, Outcome
    from verifiers.sandbox.sessions import Session

__all__ = [
    "Gone",
    "Limits",
    "Outcome",
    "Protection",
    "Run",
    "Sandbox",
    "Session",
    "level",
    "protections",
    "require",
    "run",
    "session",
]

_PLACES = {
    "Gone": "host",
    "Limits": "outcome",
    "Outcome": "outcome",
    "Protection": "holding",
    "Run": "host",
    "Sandbox": "box",
    "Session": "sessions",
    "level": "holding",
    "protections": "holding",
    "require": "holding",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


@functools.cache
def _shared() -> "Sandbox":
    from verifiers.sandbox.box import Sandbox

    return Sandbox()


def run(code: str, stdin: str = "", deadline_s: float = 5.0) -> "Outcome":
    """Sandbox.run in a sandbox that this process shares."""
    return _shared().run(code, stdin, deadline_s)


def session(total_s: float = 60.0, limits: "Limits | None" = None) -> "Session":
    """Sandbox.session in a sandbox that this process shares."""
    return _shared().session(total_s, limits)
