"""The scripted teacher in this process: answers from a file or a function, with faults on order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from catalog.errors import UserError
from catalog.ids import digest
from generators.teachers.protocol import AccountError, Reply, Request, Teacher, TransientError
from generators.teachers.script import Answer, Script, read_lines, reply
from generators.teachers.settings import ScriptedSettings

HANG_S = 1.0
"""How long a request hangs until it counts as timed out."""

FAULTS = ("429", "500", "401", "hang", "cutoff", "garbage", "empty")


class ScriptedTeacher:
    """Answers `answer(prompt, number)`, `number` differing from seed to seed and choice to choice.

    Each of `faults` befalls one request, in order: 401 raises AccountError; 429, 500, hang, cutoff and garbage raise
    TransientError, as a client does once its retries are used up; empty gives empty texts.
    """

    def __init__(
        self,
        name: str,
        answer: Answer,
        faults: Sequence[str] = (),
        *,
        revision: str = "scripted",
        concurrency: int = 64,
    ) -> None:
        for fault in faults:
            if fault not in FAULTS:
                raise UserError(f"The teacher {name!r} knows no fault {fault!r}: use {', '.join(FAULTS)}.")
        self.name = name
        self.revision = revision
        self.concurrency = concurrency
        self._answer = answer
        self._faults = deque(faults)

    async def complete(self, request: Request) -> Reply:
        await asyncio.sleep(0)
        match self._faults.popleft() if self._faults else None:
            case None:
                return reply(self._answer, request)
            case "empty":
                given = reply(self._answer, request)
                return replace(given, choices=tuple(replace(c, text="", completion_tokens=0) for c in given.choices))
            case "401":
                raise AccountError(f"The teacher {self.name!r} refuses every request (401, as ordered by its faults).")
            case "hang":
                await asyncio.sleep(HANG_S)
                raise TransientError(f"the teacher {self.name!r} gave no answer in time, as ordered by its faults")
            case fault:
                raise TransientError(f"the teacher {self.name!r} failed with {fault}, as ordered by its faults")

    async def close(self) -> None:
        pass


@asynccontextmanager
async def open_scripted(name: str, settings: ScriptedSettings, base: Path) -> AsyncIterator[Teacher]:
    """Gives the scripted teacher of a recipe in folder `base`; UserError where the answers cannot be read."""
    lines = read_lines(base / settings.answers) if settings.answers else ()
    revision = "scripted@" + digest(lines, settings.default)
    script = Script(lines, lambda prompt, number: settings.default)
    yield ScriptedTeacher(name, script, settings.faults, revision=revision, concurrency=settings.concurrency)
