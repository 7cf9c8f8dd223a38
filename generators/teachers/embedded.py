"""A small model in this process as a teacher: concurrent requests become rows of one batch.

One thread of its own loads the model and computes; the event loop only hands requests over. A request joins the batch
at the next step at which there is room, so there are no rounds that wait for their slowest row.
"""

import asyncio
import os
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from generators.teachers.protocol import Choice, Reply, Request, Teacher, TerminalError
from generators.teachers.settings import EmbeddedSettings

if TYPE_CHECKING:
    from generators.teachers.decoder import Decoder, Row

GATHER_S = 0.02
"""An idle engine waits so long for company of the first request: far less than a step of a full batch takes."""


@asynccontextmanager
async def open_embedded(name: str, settings: EmbeddedSettings) -> AsyncIterator[Teacher]:
    """Gives the model as a teacher, loaded (about six seconds the first time in a process).

    Raises UserError where the model cannot be loaded.
    """
    teacher = _Embedded(name, settings)
    try:
        await teacher.start()
        yield teacher
    finally:
        await teacher.close()


@dataclass(slots=True, eq=False)
class _Job:
    """A request on its way through the engine."""

    request: Request
    future: "asyncio.Future[Reply]"
    cancelled: bool = False
    rows: "list[Row]" = field(default_factory=list)
    unfinished: int = 0


class _Embedded:
    """The event loop's side of the engine, a Teacher, and what its thread runs."""

    def __init__(self, name: str, settings: EmbeddedSettings) -> None:
        self.name = name
        self.revision = ""
        # Twice a batch of single-choice requests: there is always one to take a finished row's place.
        self.concurrency = 2 * settings.batch
        self._settings = settings
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[str] = self._loop.create_future()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"teacher-{name}", daemon=True)

    async def start(self) -> None:
        self._thread.start()
        self.revision = await self._ready

    async def complete(self, request: Request) -> Reply:
        if self._failure is not None:
            raise self._failure
        if self._closing:
            raise RuntimeError(f"the teacher {self.name!r} is closed")
        job = _Job(request, self._loop.create_future())
        self._inbox.put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.cancelled = True
            raise

    async def close(self) -> None:
        """Ends the thread after the step that it is at; requests that wait are cancelled."""
        self._closing = True
        self._inbox.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        jobs: set[_Job] = set()
        try:
            # A thread that has computed its share must not spin while it waits for its sibling: beside any other busy
            # process that costs a factor of ten. Read by OpenMP when torch is first loaded.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            import torch

            from generators.teachers.decoder import load

            decoder, revision = load(self._settings.model, self._settings.threads)
            self._tell(self._ready, revision)
            with torch.inference_mode():  # rows are moved in the cache between steps, too
                self._serve(decoder, jobs)
        except BaseException as error:
            self._failure = error
            self._tell(self._ready, error)
            for job in jobs:
                self._tell(job.future, error)
        while not self._inbox.empty():
            if (late := self._inbox.get()) is not None:
                jobs.add(late)
        for job in jobs:
            self._tell(job.future, self._failure)

    def _serve(self, decoder: "Decoder", jobs: set[_Job]) -> None:
        """Computes until the teacher is closed; `jobs` are the requests that have no answer yet."""
        waiting: deque[Row] = deque()
        while not self._closing:
            self._collect(decoder, jobs, waiting, idle=not (waiting or decoder.rows))
            given_up = {job for job in jobs if job.cancelled}
            if given_up:
                jobs -= given_up
                waiting = deque(row for row in waiting if row.owner not in given_up)
                decoder.drop(lambda row: row.owner in given_up)  # noqa: B023  (called at once)
            room = self._settings.batch - len(decoder.rows)
            # Few at a time would cost a prefill each; an eighth of the batch may stand empty until it is worth one.
            if waiting and room >= min(len(waiting), max(1, self._settings.batch // 8)):
                decoder.admit([waiting.popleft() for _ in range(min(room, len(waiting)))])
            for row in decoder.step() if decoder.rows else ():
                row.owner.unfinished -= 1
                if not row.owner.unfinished:
                    jobs.discard(row.owner)
                    self._tell(row.owner.future, _reply(row.owner))

    def _collect(self, decoder: "Decoder", jobs: set[_Job], waiting: "deque[Row]", idle: bool) -> None:
        """Takes requests in: those that are there, or, for an idle engine, the next and its company."""
        until = None
        while True:
            try:
                if idle and until is None:
                    job = self._inbox.get()
                    until = time.monotonic() + GATHER_S
                elif until is not None and len(waiting) < self._settings.batch:
                    job = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
                else:
                    job = self._inbox.get_nowait()
            except queue.Empty:
                return
            if job is None:
                return
            if job.cancelled:
                continue
            try:
                job.rows = decoder.rows_of(job.request, job)
            except TerminalError as error:
                self._tell(job.future, error)
                continue
            job.unfinished = len(job.rows)
            jobs.add(job)
            waiting.extend(job.rows)

    def _tell(self, future: "asyncio.Future[Reply] | asyncio.Future[str]", result: object) -> None:
        """Settles a future of the event loop: with a result, an error, or, for None, cancellation."""

        def settle() -> None:
            if future.done():
                return
            if result is None:
                future.cancel()
            elif isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop is closed: nobody waits
            pass


def _reply(job: _Job) -> Reply:
    choices: tuple[Choice, ...] = tuple(row.continuation.choice() for row in job.rows)
    return Reply(choices, len(job.rows[0].prompt))
