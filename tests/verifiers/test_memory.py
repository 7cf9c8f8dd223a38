"""Memory that really runs out is a verdict of its own; a process killed from outside is tried again, never scored."""

import json
import os
import signal
import threading
import time

import psutil
import pytest

from verifiers import sandbox
from verifiers.judge import Item
from verifiers.pool import Pool
from verifiers.sandbox.outcome import Limits

HANGS = Item("math", "\\boxed{(a+b+c+d+f+g)^{60} = 1}", "x = 2y + 1", "{}")
ALGEBRA = Item("math", "\\boxed{(x+1)^2}", "x^2+2x+1", "{}")

GROWS = """
held = []
while True:
    held.append(bytearray(b"x" * (1 << 20)))  # each page is written to, not asked for alone
"""
FUNCTION = f"def grow(n):\n{GROWS.replace(chr(10), chr(10) + '    ')}\n    return n\n"
SPECS = {
    "asserts": {"kind": "asserts", "asserts": ["assert grow(1) == 1"], "memory_mb": 128},
    "check": {"kind": "check", "test": "def check(f):\n    assert f(1) == 1", "entry_point": "grow", "memory_mb": 128},
    "stdio": {"kind": "stdio", "cases": [{"input": "1", "output": "1"}], "memory_mb": 128},
}


def workers() -> list[psutil.Process]:
    """The workers of this process's pools, oldest first: their parent, which forks them, is the first of them."""
    found = [p for p in psutil.Process().children(recursive=True) if "verifiers.worker" in " ".join(p.cmdline())]
    return sorted(found, key=lambda p: p.create_time())[1:]


def test_a_run_that_fills_its_memory_ends_with_memory_and_the_next_one_runs() -> None:
    with sandbox.Sandbox(limits=Limits(memory_mb=96)) as box:
        assert box.run(GROWS, deadline_s=60).status == "memory"
        assert box.run("print(len(bytearray(b'x' * (8 << 20))))").stdout == "8388608\n"


def test_a_cell_that_fills_its_memory_ends_with_memory() -> None:
    with sandbox.Sandbox(limits=Limits(memory_mb=96)) as box, box.session(120) as python:
        assert python.run("a = 5").status == "ok"
        assert python.run(GROWS, 60).status == "memory"


@pytest.mark.parametrize("kind", SPECS)
def test_a_program_that_fills_its_memory_is_neither_wrong_nor_lost(kind: str) -> None:
    program = GROWS if kind == "stdio" else FUNCTION
    item = Item("code", f"```python\n{program}\n```", "", json.dumps(SPECS[kind]))
    with Pool(workers=1, deadline_s=60) as pool:
        judged = pool.judge_many([item])[0]
    assert judged.verdict == "memory", judged


def test_a_worker_that_fills_its_memory_gives_memory_and_is_replaced() -> None:
    """Promise: the terms of a large power are written page by page until the address space ends."""
    with Pool(workers=1, deadline_s=300, memory_mb=160) as pool:
        assert pool.judge_many([ALGEBRA])[0].verdict == "correct"
        first = workers()[0].pid
        assert [judged.verdict for judged in pool.judge_many([HANGS, ALGEBRA])] == ["memory", "correct"]
        assert [worker.pid for worker in workers()] != [first]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_killed_from_outside_is_replaced_and_its_item_judged(end: signal.Signals) -> None:
    """Promise: what the kernel kills where the machine's memory ends is tried again, and no verdict on the item."""
    with Pool(workers=1, deadline_s=120) as pool:
        pool.judge_many([ALGEBRA])
        worker = workers()[0]
        worker.suspend()  # it has the next item, and cannot have judged it, when it is killed
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.extend(j.verdict for j in pool.judge_many([ALGEBRA])))
        thread.start()
        time.sleep(0.3)
        os.kill(worker.pid, end)
        worker.resume()
        thread.join()
    assert answers == ["correct"]


def test_an_item_whose_workers_are_always_killed_is_infrastructure_and_no_crash() -> None:
    with Pool(workers=1, deadline_s=300) as pool:
        pool.judge_many([ALGEBRA])
        answers = []
        thread = threading.Thread(target=lambda: answers.extend(pool.judge_many([HANGS])))
        thread.start()
        killed: set[int] = set()
        while thread.is_alive():
            for worker in workers():
                if worker.pid not in killed:
                    killed.add(worker.pid)
                    os.kill(worker.pid, signal.SIGKILL)
            time.sleep(0.05)
        thread.join()
        assert pool.judge_many([ALGEBRA])[0].verdict == "correct"
    assert len(killed) == 2
    assert [(judged.verdict, judged.extracted) for judged in answers] == [("infrastructure", None)]
    assert "killed from outside" in answers[0].detail
