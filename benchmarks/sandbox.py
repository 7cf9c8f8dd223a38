"""Isolated runs a second from the warm process with sympy and numpy imported, beside what a run can cost at least.

    python benchmarks/sandbox.py         # prints a table, stores benchmarks/results/sandbox.json

Arms take turns; the best round of each counts. `cpu_ms` are CPU milliseconds a run of every process that is part of it
(ours: of this one too), `a_core` their inverse, which a busy machine distorts least; `a_second` is by the clock.

    ours              Sandbox.run("x = 1"), two at a time, every layer of the level on
    ours_sympy_alone  the same where numpy is not imported
    ..._on_one_core   the same with all its processes, this one too, held to one core
    bare_fork         os.fork and os._exit in a process with the same modules imported: nothing is isolated or run
    python_each       python -I -S -c "x = 1" each: nothing is isolated, sympy is not imported
    bubblewrap_each   the same in bubblewrap with all its namespaces, where it is installed

Then 1,000 runs that never end by themselves, each with 20 ms: what is left of them is counted.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness import machine

from verifiers.sandbox import Sandbox

RESULT = Path(__file__).resolve().parent / "results" / "sandbox.json"
ROUNDS = 5
RUNS = 300
AT_ONCE = 2
MODULES = ("sympy", "numpy")
HANGS = 1000

_BARE = """
import gc, os, resource, sys, time, {modules}
gc.collect(), gc.freeze(), gc.disable()
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print("ready", flush=True)
for line in sys.stdin:
    cpu_s, began = cpu(), time.perf_counter()
    for _ in range(int(line)):
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    print(time.perf_counter() - began, cpu() - cpu_s, flush=True)
"""


def tree(pid: int) -> list[int]:
    """Gives a process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def cpu_s(pids: list[int]) -> float:
    """Gives the CPU seconds of processes and of all their children that have ended."""
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def ours(box: Sandbox, runs: int, at_once: int) -> tuple[float, float]:
    zygote = tree(box.zygote()._process.pid)
    before, began = cpu_s(zygote) + time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        found = Counter(o.status for o in threads.map(lambda _: box.run("x = 1"), range(runs)))
    seconds = time.perf_counter() - began
    assert found == {"ok": runs}, found
    return seconds, cpu_s(zygote) + time.process_time() - before


def on_one_core(pids: list[int], measure: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Measures with processes, and this one, held to one core; what they start is held to it too."""
    all_cores = os.sched_getaffinity(0)
    try:
        for pid in (0, *pids):
            os.sched_setaffinity(pid, {min(all_cores)})
        return measure()
    finally:
        for pid in (0, *pids):
            os.sched_setaffinity(pid, all_cores)


def each(command: list[str], runs: int) -> tuple[float, float]:
    def cpu() -> float:
        return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) + time.process_time()

    before, began = cpu(), time.perf_counter()
    for _ in range(runs):
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - began, cpu() - before


def hangs(box: Sandbox) -> dict[str, Any]:
    """Gives what is left of runs that are killed at their deadline."""
    stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    zygote = box.zygote()
    before, fds = tree(zygote._process.pid), len(os.listdir("/proc/self/fd"))
    theirs = [len(os.listdir(f"/proc/{pid}/fd")) for pid in before]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = Counter(o.status for o in threads.map(lambda _: box.run(stubborn, deadline_s=0.02), range(HANGS)))
    time.sleep(0.5)  # the warm process closes what a run held after it has told the run's end
    after = tree(zygote._process.pid)
    left = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in before) - sum(theirs)
    return {
        "runs": dict(found),
        "surviving_processes": len(set(after) - set(before)),
        "descriptors_left": len(os.listdir("/proc/self/fd")) - fds + left,
        "same_warm_process": box.zygote() is zygote,
    }


def main() -> None:
    modules = ", ".join(MODULES)
    bare = subprocess.Popen(
        [sys.executable, "-c", _BARE.format(modules=modules)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert bare.stdin is not None
    assert bare.stdout is not None
    bare.stdout.readline()

    def bare_fork() -> tuple[float, float]:
        print(RUNS, file=bare.stdin, flush=True)
        seconds, cpu = map(float, bare.stdout.readline().split())
        return seconds, cpu

    python = [os.path.realpath(sys.executable), "-I", "-S", "-c", "x = 1"]
    with Sandbox(preload=MODULES, at_once=AT_ONCE) as box, Sandbox(preload=MODULES[:1], at_once=AT_ONCE) as light:
        for warmed in (box, light):
            ours(warmed, 20, AT_ONCE)
        measures: dict[str, tuple[int, Callable[[], tuple[float, float]]]] = {
            "ours": (RUNS, lambda: ours(box, RUNS, AT_ONCE)),
            "ours_sympy_alone": (RUNS, lambda: ours(light, RUNS, AT_ONCE)),
            "ours_on_one_core": (
                RUNS,
                lambda: on_one_core(tree(box.zygote()._process.pid), lambda: ours(box, RUNS, AT_ONCE)),
            ),
            "ours_sympy_alone_on_one_core": (
                RUNS,
                lambda: on_one_core(tree(light.zygote()._process.pid), lambda: ours(light, RUNS, AT_ONCE)),
            ),
            "ours_one_at_a_time": (RUNS, lambda: ours(box, RUNS, 1)),
            "bare_fork": (RUNS, bare_fork),
            "bare_fork_on_one_core": (RUNS, lambda: on_one_core([bare.pid], bare_fork)),
            "python_each": (60, lambda: each(python, 60)),
        }
        if tool := shutil.which("bwrap"):
            inside = [tool, "--unshare-all", "--ro-bind", "/", "/", *python]
            measures["bubblewrap_each"] = 60, lambda: (each(inside, 60)[0], 0.0)  # it does not wait for its own child
        arms: dict[str, Any] = {name: {"rounds": []} for name in measures}
        for _ in range(ROUNDS):
            for name, (runs, measure) in measures.items():
                before = machine.load()
                seconds, cpu = measure()
                line = {"a_second": round(runs / seconds), "cpu_ms": round(cpu / runs * 1e3, 2), "load_before": before}
                arms[name]["rounds"].append(line)
        for arm in arms.values():
            arm["a_second"] = max(r["a_second"] for r in arm["rounds"])
            if cpu_ms := min(r["cpu_ms"] for r in arm["rounds"]):
                arm |= {"cpu_ms": cpu_ms, "a_core": round(1e3 / cpu_ms)}
        result = {
            "machine": machine.describe(MODULES),
            "way": box.zygote().way,
            "at_once": AT_ONCE,
            "arms": arms,
            "of_a_bare_fork": round(arms["ours"]["cpu_ms"] / arms["bare_fork"]["cpu_ms"], 2),
            "killed_at_their_deadline": hangs(box),
        }
    bare.stdin.close()
    bare.wait()
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({**result, "arms": {n: {k: v for k, v in a.items() if k != "rounds"} for n, a in arms.items()}}))


if __name__ == "__main__":
    main()
