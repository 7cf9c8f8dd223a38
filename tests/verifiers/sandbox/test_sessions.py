"""Sessions keep their names from cell to cell, as a notebook does."""

from concurrent.futures import ThreadPoolExecutor

from verifiers import sandbox
from verifiers.sandbox import Sandbox


def test_names_stay_and_the_last_expression_is_the_value() -> None:
    with sandbox.session() as python:
        assert python.run("x = 20").value is None
        outcome = python.run("print('hi')\nx + 1")
        assert (outcome.status, outcome.value, outcome.stdout) == ("ok", "21", "hi\n")
        assert python.run("_ * 2").value == "42"


def test_an_exception_shows_the_frames_of_cells_only_and_keeps_the_names(box: Sandbox) -> None:
    with box.session() as python:
        python.run("def f():\n    return 1 / 0\ny = 5")
        outcome = python.run("f()")
        assert outcome.error == "ZeroDivisionError: division by zero"
        assert "return 1 / 0" in outcome.stderr
        assert "verifiers" not in outcome.stderr
        assert python.run("y").value == "5"


def test_an_interrupted_cell_keeps_the_names(box: Sandbox) -> None:
    with box.session() as python:
        python.run("x = 1")
        assert python.run("while True: pass", deadline_s=0.3).status == "timeout"
        after = python.run("x")
        assert (after.value, after.lost_state) == ("1", False)


def test_a_cell_that_must_be_killed_loses_the_names_and_the_next_one_says_so(box: Sandbox) -> None:
    with box.session() as python:
        python.run("x = 1")
        stubborn = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
        assert python.run(stubborn, deadline_s=0.3).status == "timeout"
        after = python.run("x")
        assert (after.error, after.lost_state) == ("NameError: name 'x' is not defined", True)
        assert python.run("1").lost_state is False


def test_a_crash_is_the_cells_own(box: Sandbox) -> None:
    with box.session() as python:
        assert python.run("import os; os._exit(0)").status == "crash"
        assert python.run("1 + 1").value == "2"


def test_the_whole_session_has_a_limit(box: Sandbox) -> None:
    with box.session(total_s=0.5) as python:
        assert python.run("while True: pass").status == "timeout"
        outcome = python.run("1")
        assert (outcome.status, outcome.error) == ("timeout", "the session's 0.5 s are spent")


def test_two_hundred_live_sessions(best: Sandbox) -> None:
    """Promise: slots limit what runs, not what waits for its next cell."""
    sessions = [best.session() for _ in range(200)]
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(o.status == "ok" for o in pool.map(lambda i: sessions[i].run(f"x = {i}"), range(200)))
            values = list(pool.map(lambda s: s.run("x").value, sessions))
        assert values == [str(i) for i in range(200)]
    finally:
        for session in sessions:
            session.close()


def test_what_a_thread_of_an_earlier_cell_prints_goes_to_no_later_verdict(box: Sandbox) -> None:
    """A frame for a cell that is over is passed over."""
    forge = (
        "import threading, time, os\n"
        "def later():\n"
        "    time.sleep(0.2)\n"
        '    m = b\'{"cell": 1, "status": "ok", "value": "forged"}\'\n'
        "    os.write(3, len(m).to_bytes(4, 'big') + m)\n"
        "threading.Thread(target=later, daemon=True).start()"
    )
    with box.session() as python:
        python.run(forge)
        assert python.run("import time; time.sleep(0.5); 7").value == "7"
