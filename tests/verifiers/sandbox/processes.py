"""What there is of a warm process and its runs, seen from outside."""

import os
import time
from pathlib import Path

from verifiers.sandbox import Sandbox


def tree(box: Sandbox) -> list[int]:
    """The warm process (with what holds it) and all its runs; the youngest is last."""
    return _tree(box.zygote()._process.pid)


def run_of(box: Sandbox, idle: list[int]) -> int:
    """Waits for a run that is not among `idle`."""
    while not (found := [pid for pid in tree(box) if pid not in idle]):
        time.sleep(0.01)
    return found[0]


def descriptors(pids: list[int]) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def mounts(pids: list[int]) -> list[str]:
    return [line for pid in pids for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(below for child in children for below in _tree(int(child)))]
