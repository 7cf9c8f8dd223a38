"""One Python session a trace, for many traces on one event loop.

A session is a process of the sandbox that keeps its names from cell to cell; it starts with the first cell and takes
no place among those that run while it waits. It does not outlive our process: `Python.run` gets the calls that the
trace holds already, and runs those again, once, before the first live cell. Their recorded output stays what the trace
shows; what differs from it (random draws, the time of day) is as in a notebook whose kernel was restarted.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from generators.cort.calls import RECORDED, ToolCall
from verifiers import sandbox
from verifiers.sandbox import Limits, Outcome, Sandbox

LIVE = 256
"""Sessions that are open at the same time; further traces wait with their first cell."""

_REBUILT = ("ok", "exception", RECORDED)
"""Statuses of the cells that are run again: what had to be stopped left no names to rely on."""


class Interpreter:
    """The sandbox that all traces share. See `open_interpreter`."""

    def __init__(self, box: Sandbox, threads: ThreadPoolExecutor) -> None:
        self._box, self._threads = box, threads
        self._live = asyncio.Semaphore(LIVE)

    @asynccontextmanager
    async def python(self, cell_s: float, calls: int) -> AsyncIterator["Python"]:
        """Gives the session of one trace: `calls` cells of at most `cell_s` seconds each."""
        total_s = 2 * cell_s * (calls + 1)
        session = Python(
            self._box.session(total_s, Limits(cpu_s=max(60.0, total_s))), cell_s, self._threads, self._live
        )
        try:
            yield session
        finally:
            await session.close()


class Python:
    """One trace's session."""

    def __init__(
        self, session: sandbox.Session, cell_s: float, threads: ThreadPoolExecutor, live: asyncio.Semaphore
    ) -> None:
        self._session, self._cell_s, self._threads, self._live = session, cell_s, threads, live
        self._begun = False

    async def run(self, code: str, earlier: Sequence[ToolCall]) -> Outcome:
        """Runs a cell; `earlier`: the calls that the trace holds, run first where this session has run nothing yet."""
        if not self._begun:
            await self._live.acquire()
            self._begun = True
            for call in _alive(earlier):
                outcome = await self._cell(call.code)
                if outcome.status == "infrastructure":
                    return outcome
        return await self._cell(code)

    async def close(self) -> None:
        """Ends the session's process."""
        if self._begun:
            self._begun = False
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self._session.close)
            finally:
                self._live.release()

    async def _cell(self, code: str) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._session.run, code, self._cell_s)


@asynccontextmanager
async def open_interpreter(level: str = "filters") -> AsyncIterator[Interpreter]:
    """Gives an interpreter; all its sessions end with it.

    Raises UserError, with the sentence that `doctor` prints, on a machine that does not reach `level` of the sandbox.
    """
    sandbox.require(level)
    # More than one a core, so that code which only sleeps keeps no other trace from running.
    at_once = 2 * len(os.sched_getaffinity(0))
    with Sandbox(level=level, at_once=at_once) as box, ThreadPoolExecutor(at_once, "cells") as threads:
        yield Interpreter(box, threads)


def _alive(calls: Sequence[ToolCall]) -> list[ToolCall]:
    """The calls whose names the last one could see."""
    ends = [i + (call.status == "crash") for i, call in enumerate(calls) if call.lost or call.status == "crash"]
    since = max(ends, default=0)
    return [call for call in calls[since:] if call.status in _REBUILT]
