"""Nothing is left of a run that was killed, and a death that is not the program's is not put down to it."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.verifiers.sandbox.processes import descriptors, mounts, run_of, tree
from verifiers.code import running, verify
from verifiers.sandbox import Outcome, Sandbox

HANGS = 100
"""At each level; benchmarks/sandbox.py kills 1,000."""


def test_nothing_is_left_of_runs_that_are_killed_at_their_deadline(box: Sandbox) -> None:
    """Promise: no process, descriptor, mount or folder outlives its run."""
    box.run("1")
    warm = tree(box)
    ours = [os.getpid(), *warm]
    before = descriptors(ours), mounts(warm)
    with ThreadPoolExecutor(2) as threads:
        hangs = ["while True: pass", "import time; time.sleep(60)"] * (HANGS // 2)
        outcomes = list(threads.map(lambda code: box.run(f"open('left', 'w')\n{code}", deadline_s=0.02), hangs))
    assert {outcome.status for outcome in outcomes} == {"timeout"}
    assert tree(box) == warm
    for _ in range(100):  # the warm process closes a run's status after it has told its end: here, and before the start
        if descriptors(ours) <= before[0]:
            break
        time.sleep(0.05)
    assert descriptors(ours) <= before[0]
    assert mounts(warm) == before[1]
    folder = box.zygote()._folder
    assert folder is None or os.listdir(folder.name) == []


def test_a_run_that_lingers_after_its_answer_is_killed(box: Sandbox) -> None:
    box.run("1")
    warm = tree(box)
    began = time.monotonic()
    lingers = "import os, time\nprint('done')\nos._exit = lambda code: time.sleep(60)"
    outcome = box.run(lingers, deadline_s=60)
    assert (outcome.status, outcome.stdout) == ("ok", "done\n")
    assert tree(box) == warm and time.monotonic() - began < 30


def test_a_run_killed_from_outside_is_no_fault_of_the_program(box: Sandbox) -> None:
    """Promise: what the kernel kills because the machine is out of memory is never a wrong program."""
    box.run("1")
    warm = tree(box)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(box.run("import time; time.sleep(60)", deadline_s=60)))
    thread.start()
    os.kill(run_of(box, warm), signal.SIGKILL)
    thread.join()
    assert outcomes[0].status == "infrastructure"
    assert "killed from outside" in str(outcomes[0].error)


def test_a_candidate_killed_from_outside_is_not_wrong() -> None:
    box = running._candidates
    quick = {"kind": "asserts", "asserts": ["assert f() == 1"]}
    assert verify("```python\ndef f(): return 1\n```", "", quick).verdict == "correct"
    warm = tree(box)
    slow = "```python\nimport time\ndef f():\n    time.sleep(60)\n    return 1\n```"
    verdicts: list[str] = []
    thread = threading.Thread(target=lambda: verdicts.append(verify(slow, "", quick, deadline_s=60).verdict))
    thread.start()
    for _ in range(running.TRIES):
        killed = run_of(box, warm)
        os.kill(killed, signal.SIGKILL)
        warm.append(killed)
    thread.join()
    assert verdicts == ["infrastructure"]


@pytest.mark.parametrize("code", ["import os\nos.closerange(3, 64)\nwhile True: pass"])
def test_closing_the_channel_is_the_programs_own_doing(box: Sandbox, code: str) -> None:
    outcome = box.run(code, deadline_s=20)
    assert (outcome.status, outcome.error) == ("crash", "signal 9")
