import asyncio

import pytest

from generators.teachers.limiter import Limiter


async def _ticks(n=5):
    for _ in range(n):
        await asyncio.sleep(0)


def test_no_more_than_the_limit_are_in_flight():
    async def main():
        limiter, most = Limiter(3), 0

        async def work():
            nonlocal most
            await limiter.acquire()
            most = max(most, limiter.in_flight)
            await asyncio.sleep(0)
            limiter.release()

        await asyncio.gather(*(work() for _ in range(50)))
        return most, limiter.in_flight

    assert asyncio.run(main()) == (3, 0)


def test_a_burst_of_refusals_halves_once():
    async def main():
        limiter = Limiter(16)
        generations = [await limiter.acquire() for _ in range(16)]
        for generation in generations:
            limiter.release()
            limiter.slow_down(generation, 0)
        return limiter.limit

    assert asyncio.run(main()) == 8


def test_the_limit_never_falls_below_one_and_grows_by_one_per_window():
    async def main():
        limiter, seen = Limiter(4), []
        for _ in range(5):
            limiter.slow_down(await limiter.acquire(), 0)
            limiter.release()
        for _ in range(1 + 2 + 3 + 10):
            seen.append(limiter.limit)
            limiter.succeeded()
        return seen, limiter.limit

    seen, last = asyncio.run(main())
    assert seen == [1, 2, 2, 3, 3, 3] + [4] * 10
    assert last == 4


def test_a_pause_holds_everyone_back_and_the_longest_counts():
    async def main():
        limiter, loop = Limiter(4), asyncio.get_running_loop()
        start = loop.time()
        limiter.slow_down(await limiter.acquire(), 0.15)
        limiter.slow_down(0, 0.01)
        limiter.release()
        await asyncio.gather(limiter.acquire(), limiter.acquire())
        return loop.time() - start

    assert asyncio.run(main()) >= 0.14


@pytest.mark.parametrize("moment", ["before its turn", "at its turn"])
def test_a_cancelled_waiter_leaves_no_slot_taken(moment):
    async def main():
        limiter = Limiter(1)
        await limiter.acquire()
        waiter = asyncio.create_task(limiter.acquire())
        behind = asyncio.create_task(limiter.acquire())
        await _ticks()
        if moment == "at its turn":
            limiter.release()
            waiter.cancel()
        else:
            waiter.cancel()
            await _ticks()
            limiter.release()
        await asyncio.wait_for(behind, 5)
        limiter.release()
        return waiter.cancelled(), limiter.in_flight

    assert asyncio.run(main()) == (True, 0)
