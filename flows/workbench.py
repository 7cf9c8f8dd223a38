"""What a build holds open while its shards run: the teacher on its event loop, the verifiers' workers, the journal."""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from catalog.journal import Journal
from catalog.records import Task
from catalog.store import Store
from flows.loading import Resolved
from generators.meter import Limits, Meter
from generators.sampling import Sampled, Sampler, sample
from generators.teachers import open_teacher
from verifiers.pool import Pool

T = TypeVar("T")


class _Loop:
    """An event loop on a thread of its own, so that shards on other threads can wait for coroutines."""

    def __init__(self) -> None:
        import uvloop  # a tenth less CPU a request than asyncio's own loop

        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="teacher", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Gives the coroutine's result; concurrent.futures.CancelledError after `cancel`."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def cancel(self) -> None:
        """Cancels whatever runs."""

        def cancel_all() -> None:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()

        self._loop.call_soon_threadsafe(cancel_all)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True)
class Workbench:
    """Shared by everything that asks one recipe's teacher in this process."""

    sampler: Sampler
    pool: Pool
    stopping: threading.Event
    _loop: _Loop

    @property
    def meter(self) -> Meter:
        """What this run has paid for."""
        return self.sampler.meter

    @property
    def stopped(self) -> bool:
        """Whether the work is to end early."""
        return self.stopping.is_set()

    def sample(self, tasks: Sequence[Task]) -> Sampled:
        """Runs the sampling of some tasks on the teacher's loop and waits for it."""
        return self._loop.run(sample(tasks, self.sampler))

    def stop(self) -> None:
        """Asks every shard to end at its next point of rest, and cancels what waits for the teacher."""
        self.stopping.set()
        self._loop.cancel()


@contextmanager
def open_workbench(
    resolved: Resolved, store: Store, progress: Callable[[int, int], None] = lambda samples, tokens: None
) -> Iterator[Workbench]:
    """Opens a recipe's teacher, the verifiers' workers and the store's journal, and closes them whatever happens."""
    # Rows are freed by their reference counts; searching all modules and waiting requests for cycles again and again
    # cost a seventh of a build's CPU time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    recipe = resolved.recipe
    settings = recipe.teachers[recipe.sample.teacher]
    limits = Limits(recipe.budget.tokens, recipe.budget.seconds, recipe.budget.money)
    meter = Meter(limits, settings.price_input, settings.price_output)
    loop = _Loop()
    opener = open_teacher(recipe.sample.teacher, settings, resolved.base)
    try:
        teacher = loop.run(_enter(opener))
        try:
            with Pool(deadline_s=recipe.verify.deadline_s, sandbox=recipe.verify.sandbox) as pool:
                journal = Journal.open(store)
                try:
                    sampler = Sampler(
                        teacher=teacher,
                        settings=recipe.sample,
                        format=settings.format,
                        thinking=settings.thinking,
                        journal=journal,
                        seed=recipe.seed,
                        meter=meter,
                        slots=asyncio.Semaphore(teacher.concurrency),
                        progress=progress,
                    )
                    yield Workbench(sampler, pool, threading.Event(), loop)
                finally:
                    journal.close()
        finally:
            loop.run(_leave(opener))
    finally:
        loop.close()


async def _enter(opener: Any) -> Any:
    return await opener.__aenter__()


async def _leave(opener: Any) -> None:
    await opener.__aexit__(None, None, None)
