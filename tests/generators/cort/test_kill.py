"""After kill -9 no finished request is repeated, and the session is rebuilt from the calls that are known."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.generators.cort.traces import BOXED, answers
from tests.generators.serving import ROOT, scripted_server

TRACES, IN_FLIGHT, KILLS = 24, 4, 4


def _command(url: str, store: Path) -> list[str]:
    return [sys.executable, "-m", "tests.generators.cort.killed", url, str(store), str(TRACES)]


def _run(url: str, store: Path) -> list[str | None]:
    done = subprocess.run(
        _command(url, store), capture_output=True, text=True, cwd=ROOT, env=_environment(), check=True
    )
    return json.loads(done.stdout)


def _environment() -> dict[str, str]:
    modules = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, "PYTHONPATH": modules, "REASONMILL_TEST_SLOTS": str(IN_FLIGHT)}


def test_killed_at_any_moment_it_goes_on_without_asking_twice(tmp_path) -> None:
    # Each step needs the names of the ones before it.
    lines = answers(
        tmp_path,
        ("What is 6 * 7?", "```python\nx = [6]\nprint(len(x))\n```\n"),
        ("\n1\n```\n", "```python\nx.append(7)\nprint(len(x))\n```\n"),
        ("\n2\n```\n", "```python\nprint(x[0] * x[1])\n```\n"),
        ("\n42\n```\n", BOXED % 42),
    )
    log = tmp_path / "log"
    with scripted_server(*lines, "--delay-ms", "60", "--log", str(log)) as url:
        whole = _run(url, tmp_path / "whole")
        assert whole.count(None) == 0
        needed = len(log.read_text().splitlines())
        assert needed == 4 * TRACES
        log.write_text("")
        store = tmp_path / "killed"
        for kill in range(KILLS):
            running = subprocess.Popen(_command(url, store), stdout=subprocess.DEVNULL, cwd=ROOT, env=_environment())
            before = len(log.read_text().splitlines())
            deadline = time.monotonic() + 60
            while len(log.read_text().splitlines()) < before + 8 + 3 * kill and running.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            running.send_signal(signal.SIGKILL)
            running.wait()
        assert _run(url, store) == whole
    asked = [line.split()[1] for line in log.read_text().splitlines()]
    assert len(set(asked)) == needed
    # An answer that was on its way when the process died could not be journalled.
    assert len(asked) - needed <= KILLS * IN_FLIGHT
