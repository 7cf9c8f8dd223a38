"""Untrusted Python, confined: one-shot programs and sessions. docs/security.md says against what."""

import functools

from verifiers.sandbox.box import Sandbox
from verifiers.sandbox.host import Gone, Run
from verifiers.sandbox.outcome import Limits, Outcome
from verifiers.sandbox.protections import Protection, level, protections, require
from verifiers.sandbox.session import Session

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


@functools.cache
def _shared() -> Sandbox:
    return Sandbox()


def run(code: str, stdin: str = "", deadline_s: float = 5.0) -> Outcome:
    """Sandbox.run in a sandbox that this process shares."""
    return _shared().run(code, stdin, deadline_s)


def session(total_s: float = 60.0, limits: Limits | None = None) -> Session:
    """Sandbox.session in a sandbox that this process shares."""
    return _shared().session(total_s, limits)
