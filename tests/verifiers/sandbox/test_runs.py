"""One-shot runs: what a program does is told as it was, at every level that this machine offers."""

import threading
import time

import pytest

from catalog.errors import UserError
from verifiers import sandbox
from verifiers.sandbox import Limits, Sandbox


def test_a_program_reads_its_input_and_prints(box: Sandbox) -> None:
    outcome = box.run("import sys\nprint(input()[::-1])\nprint('to err', file=sys.stderr)", stdin="abc\n")
    assert (outcome.status, outcome.stdout, outcome.stderr, outcome.error) == ("ok", "cba\n", "to err\n", None)


def test_an_exception_comes_with_the_traceback_of_the_program_only(box: Sandbox) -> None:
    outcome = box.run("def f(n):\n    return 1 / n\n\nf(0)\n")
    assert (outcome.status, outcome.error) == ("exception", "ZeroDivisionError: division by zero")
    assert outcome.stderr.count("File ") == 2
    assert "return 1 / n" in outcome.stderr


def test_output_printed_before_the_end_is_kept(box: Sandbox) -> None:
    outcome = box.run("print('before')\n1 / 0")
    assert (outcome.status, outcome.stdout) == ("exception", "before\n")


def test_a_hang_is_a_timeout_that_says_where(box: Sandbox) -> None:
    outcome = box.run("print('here')\nwhile True:\n    pass", deadline_s=0.3)
    assert (outcome.status, outcome.stdout) == ("timeout", "here\n")
    assert "KeyboardInterrupt" in outcome.stderr


def test_a_program_that_ignores_its_interrupt_is_killed(box: Sandbox) -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    assert box.run(code, deadline_s=0.3).status == "timeout"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("import sys; sys.exit(0)", "ok", None),
        ("import sys; sys.exit(3)", "exception", "SystemExit: 3"),
        ("raise SystemExit('no')", "exception", "SystemExit: no"),
        ("x = [0] * 10**9", "memory", "MemoryError"),
        ("import os; os._exit(0)", "crash", "ended itself with exit code 0 before its end"),
        ("import ctypes; ctypes.string_at(0)", "crash", "signal 11"),
        ("print('\\ud800')", "exception", None),
        ("def", "exception", "SyntaxError: invalid syntax"),
        ("\0", "exception", None),
        ("\ud800", "exception", None),
        ("", "ok", None),
    ],
)
def test_every_end_has_its_status(box: Sandbox, code: str, status: str, error: str | None) -> None:
    outcome = box.run(code)
    assert outcome.status == status
    assert error is None or outcome.error == error


def test_processor_time_is_a_limit_of_its_own(level: str) -> None:
    with Sandbox(Limits(cpu_s=1), preload=(), level=level, highest=level) as small:
        outcome = small.run("while True: pass", deadline_s=30)
    assert outcome.status == "timeout"
    assert "processor time" in str(outcome.error)


def test_long_output_keeps_head_and_tail_and_names_the_rest(level: str) -> None:
    with Sandbox(Limits(output_chars=90), preload=(), level=level, highest=level) as small:
        outcome = small.run("print('a' * 50 + 'b' * 1000 + 'z' * 50)")
        long = small.run("print('a' * 50 + 'é' * 100_000 + 'z' * 50)")
    for stdout in (outcome.stdout, long.stdout):
        assert stdout.startswith("a" * 50)
        assert stdout.endswith("z" * 29 + "\n")
        assert "left out" in stdout
        assert len(stdout) < 200


def test_waiting_for_a_slot_is_no_part_of_the_deadline(level: str) -> None:
    """Promise: a busy machine makes nobody's program late."""
    with Sandbox(preload=(), at_once=1, level=level, highest=level) as narrow:
        outcomes = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(narrow.run("import time; time.sleep(0.5)", deadline_s=2)))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [o.status for o in outcomes] == ["ok"] * 6
    assert max(o.queued_ms for o in outcomes) > 2000


def test_a_killed_zygote_is_replaced(level: str) -> None:
    with Sandbox(preload=(), level=level, highest=level) as box:
        assert box.run("print(1)").status == "ok"
        process = box.zygote()._process
        process.kill()
        process.wait()
        time.sleep(0.2)
        assert box.run("print(1)").status == "ok"


def test_senseless_wishes_are_refused() -> None:
    with pytest.raises(UserError, match="deadline"):
        sandbox.run("1", deadline_s=-1)
    with pytest.raises(UserError, match="memory_mb"):
        Limits(memory_mb=0)
    with pytest.raises(UserError, match="no level"):
        Sandbox(level="docker")


def test_a_level_that_cannot_be_reached_is_refused_with_the_reason() -> None:
    with Sandbox(level="namespaces", highest="limits") as box, pytest.raises(UserError, match="'limits' here"):
        box.run("1")


def test_what_is_said_to_hold_is_what_a_sandbox_reaches(reached: str) -> None:
    assert sandbox.level() == reached
    held = {p.name: p.held for p in sandbox.protections()}
    assert held["namespaces"] == (reached == "namespaces")
    sandbox.require(reached)
    with pytest.raises(UserError, match="no level"):
        sandbox.require("docker")
