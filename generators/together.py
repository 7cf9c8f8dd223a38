"""Many pieces of work at once: a bounded number of them, results in order, nothing waits for the slowest."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def together(work: Callable[[T], Awaitable[R]], items: Iterable[T], at_once: int) -> list[R]:
    """Gives `work(item)` for each item; each that ends makes room for the next.

    The first failure cancels the rest, waits for it and is raised.
    """
    room = asyncio.Semaphore(at_once)
    running: list[asyncio.Task[R]] = []

    async def one(item: T) -> R:
        return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                await room.acquire()
                running.append(group.create_task(one(item)))
                running[-1].add_done_callback(lambda _: room.release())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in running]
