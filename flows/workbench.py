"""What a build holds open while its shards run: teachers on an event loop, the verifiers' workers, the journal."""

import asyncio
import gc
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from catalog.journal import Journal
from catalog.records import Task
from catalog.store import Store
from flows.loading import Resolved
from flows.progress import Progress
from generators.cort.asking import Kit
from generators.cort.interpreter import Interpreter, open_interpreter
from generators.cort.search import Prompted, Search, prompt, search
from generators.meter import Limits, Meter
from generators.retro_search.controls import Control, random_truncation, shortest_of_n
from generators.retro_search.revision import Revision
from generators.retro_search.rollouts import Reviser
from generators.retro_search.search import revise
from generators.sampling import Sampled, Sampler, sample
from generators.settings import HintSettings
from generators.subject import Subject
from generators.teachers import open_teacher
from generators.teachers.protocol import Teacher
from generators.together import together
from verifiers.judge import Item
from verifiers.pool import Pool
from verifiers.verdict import Judgement

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
    """Shared by everything that asks one recipe's teachers in this process."""

    sampler: Sampler
    reviser: Reviser | None
    """Who revises, where the recipe has that stage."""
    kit: Kit | None
    """What hinting needs, where the recipe has that stage."""
    pool: Pool
    progress: Progress
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

    def revise(self, subjects: Sequence[Subject]) -> list[Revision]:
        """Runs the revision of some traces on the teacher's loop and waits for it."""
        assert self.reviser is not None
        return self._counted(revise(subjects, self.reviser, self.judge), len(subjects))

    def control(self, subjects: Sequence[Subject], budgets: Sequence[int]) -> dict[str, list[Control]]:
        """Runs the controls of Retro-Search on some traces, a budget in new tokens each; gives them by name."""
        assert self.reviser is not None
        return {
            "shortest_of_n": self._loop.run(shortest_of_n(subjects, budgets, self.reviser, self.judge)),
            "random_truncation": self._loop.run(random_truncation(subjects, budgets, self.reviser, self.judge)),
        }

    def hint(self, subjects: Sequence[Subject]) -> list[Search]:
        """Runs the search for hints on some traces, many at once."""
        kit = self.kit
        assert kit is not None

        async def one(subject: Subject) -> Search:
            right = subject.verdict.verdict == "correct"
            return await search(subject.task, subject.trace, right, kit, self.judge)

        return self._counted(together(one, subjects, kit.sampler.teacher.concurrency), len(subjects))

    def ask_for_code(self, tasks: Sequence[Task]) -> list[Prompted]:
        """Asks for traces of some tasks that use code from the start, many at once."""
        kit = self.kit
        assert kit is not None

        async def one(task: Task) -> Prompted:
            return await prompt(task, kit, self.judge)

        return self._counted(together(one, tasks, kit.sampler.teacher.concurrency), len(tasks))

    def _counted(self, work: Coroutine[Any, Any, T], number: int) -> T:
        self.progress.expect(number)
        made = self._loop.run(work)
        self.progress.advance(number, 0)
        return made

    async def judge(self, items: Sequence[Item]) -> list[Judgement]:
        """Judges on the pool's workers, without keeping the loop."""
        return await asyncio.get_running_loop().run_in_executor(None, self.pool.judge_many, items)

    def stop(self) -> None:
        """Asks every shard to end at its next point of rest, and cancels what waits for the teacher."""
        self.stopping.set()
        self._loop.cancel()


@contextmanager
def open_workbench(
    resolved: Resolved,
    store: Store,
    progress: Progress,
    *,
    sampling_only: bool = False,
) -> Iterator[Workbench]:
    """Opens a recipe's teachers, the verifiers' workers and the store's journal, and closes them whatever happens.

    `sampling_only`: no other teacher than the one that samples.
    """
    # Rows are freed by their reference counts; searching all modules and waiting requests for cycles again and again
    # cost a seventh of a build's CPU time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    recipe = resolved.recipe
    meter = Meter(Limits(recipe.budget.tokens, recipe.budget.seconds, recipe.budget.money))
    progress.meter = meter
    names = {recipe.sample.teacher} if sampling_only else recipe.in_use
    loop = _Loop()
    try:
        with ExitStack() as opened:
            teachers = {name: _teacher(name, resolved, loop, opened) for name in sorted(names)}
            pool = opened.enter_context(Pool(deadline_s=recipe.verify.deadline_s, sandbox=recipe.verify.sandbox))
            journal = Journal.open(store)
            opened.callback(journal.close)

            def sampler(name: str) -> Sampler:
                settings = recipe.teachers[name]
                return Sampler(
                    teacher=teachers[name],
                    settings=recipe.sample,
                    format=settings.format,
                    thinking=settings.thinking,
                    journal=journal,
                    seed=recipe.seed,
                    meter=meter.at(settings.price_input, settings.price_output),
                    slots=asyncio.Semaphore(teachers[name].concurrency),
                    progress=progress.advance,
                )

            samplers = {name: sampler(name) for name in teachers}
            reviser = None
            if recipe.revise and not sampling_only:
                reviser = Reviser(samplers[recipe.revise.teacher], recipe.revise)
            kit = None
            if recipe.hint and not sampling_only:
                kit = _kit(recipe.hint, samplers[recipe.hint.teacher], loop, opened)
            yield Workbench(samplers[recipe.sample.teacher], reviser, kit, pool, progress, threading.Event(), loop)
    finally:
        loop.close()


def _teacher(name: str, resolved: Resolved, loop: _Loop, opened: ExitStack) -> Teacher:
    """Opens a teacher on the loop; it is closed there with the stack."""
    opener = open_teacher(name, resolved.recipe.teachers[name], resolved.base)
    teacher: Teacher = loop.run(_enter(opener))
    opened.callback(lambda: loop.run(_leave(opener)))
    return teacher


def _kit(settings: HintSettings, sampler: Sampler, loop: _Loop, opened: ExitStack) -> Kit:
    opener = open_interpreter(settings.sandbox)
    interpreter: Interpreter = loop.run(_enter(opener))
    opened.callback(lambda: loop.run(_leave(opener)))
    return Kit(sampler, settings, interpreter)


async def _enter(opener: Any) -> Any:
    return await opener.__aenter__()


async def _leave(opener: Any) -> None:
    await opener.__aexit__(None, None, None)
