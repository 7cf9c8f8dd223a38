"""The pool answers every item, in order, whatever the items do to its workers."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest

from catalog.errors import UserError
from verifiers.judge import Item, fast
from verifiers.pool import Pool

HANGS = Item("math", "\\boxed{(a+b+c+d+f+g)^{60} = 1}", "x = 2y + 1", "{}")
EASY = Item("math", "\\boxed{5}", "5", "{}")
ALGEBRA = Item("math", "\\boxed{(x+1)^2}", "x^2+2x+1", "{}")
SAT = Item("sat", "\\boxed{10}", "", '{"k": 2, "clauses": "AB & !B"}')


@pytest.fixture
def pool():
    with Pool(workers=2, deadline_s=10) as pool:
        yield pool


def descendants() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if "verifiers.worker" in " ".join(p.cmdline())]


def test_easy_answers_start_no_worker(pool):
    assert [j.verdict for j in pool.judge_many([EASY, SAT] * 100)] == ["correct"] * 200
    assert not descendants()


def test_order_is_kept_over_easy_and_hard_items(pool):
    items = [EASY, ALGEBRA, Item("math", "\\boxed{(x+1)^3}", "x^2+2x+1", "{}"), SAT, Item("math", "", "5", "{}")]
    assert [j.verdict for j in pool.judge_many(items)] == ["correct", "correct", "wrong", "correct", "unparsable"]


def test_a_hanging_item_is_killed_and_the_others_are_answered():
    with Pool(workers=2, deadline_s=8) as pool:
        pool.judge_many([ALGEBRA])  # the first worker is there
        verdicts = [j.verdict for j in pool.judge_many([HANGS, ALGEBRA, HANGS, ALGEBRA])]
        assert verdicts == ["timeout", "correct"] * 2
        assert len(descendants()) <= 3  # the parent of the workers, and two of them
    assert not descendants()


def test_time_in_the_queue_is_not_counted():
    with Pool(workers=1, deadline_s=8) as pool:
        pool.judge_many([ALGEBRA])
        verdicts = [j.verdict for j in pool.judge_many([HANGS, ALGEBRA])]
        assert verdicts == ["timeout", "correct"]


def test_a_worker_out_of_memory_is_a_verdict_and_not_the_end():
    with Pool(workers=1, deadline_s=200, memory_mb=115) as pool:
        assert [j.verdict for j in pool.judge_many([HANGS, ALGEBRA])] == ["memory", "correct"]


def test_a_dying_worker_is_a_crash_and_is_replaced():
    with Pool(workers=1, deadline_s=30) as pool:
        pool.judge_many([ALGEBRA])
        answers = []
        thread = threading.Thread(target=lambda: answers.extend(pool.judge_many([HANGS, ALGEBRA])))
        thread.start()
        time.sleep(0.5)
        worker = max(descendants(), key=lambda p: p.create_time())
        os.kill(worker.pid, signal.SIGSEGV)
        thread.join()
        assert [j.verdict for j in answers] == ["crash", "correct"]
        assert "signal 11" in answers[0].detail


def test_lost_workers_are_infrastructure_or_retried_and_never_a_wrong_answer():
    with Pool(workers=1, deadline_s=30) as pool:
        pool.judge_many([ALGEBRA])
        for process in descendants():
            process.kill()
        time.sleep(0.2)
        assert pool.judge_many([ALGEBRA])[0].verdict == "correct"


def test_several_threads_share_a_pool(pool):
    answers: dict[int, list[str]] = {}

    def work(n: int) -> None:
        answers[n] = [
            j.verdict for j in pool.judge_many([ALGEBRA, EASY, Item("math", f"\\boxed{{x+{n}}}", "x+3", "{}")])
        ]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: ["correct", "correct", "correct" if n == 3 else "wrong"] for n in range(6)}


def test_an_unknown_verifier_is_the_users_error_with_the_nearest_name(pool):
    with pytest.raises(UserError, match="did you mean 'math'"):
        pool.judge_many([Item("maths", "", "", "{}")])
    with pytest.raises(UserError, match="math, sat"):
        fast(Item("qqq", "", "", "{}"))


SCRIPT = textwrap.dedent(
    """
    import sys, time
    from verifiers.judge import Item
    from verifiers.pool import Pool

    pool = Pool(2, 60)
    print(pool.judge_many([Item("math", "\\\\boxed{x+1}", "1 + 1 x", "{}")])[0].verdict, flush=True)
    pool.judge_many([Item("math", sys.argv[1], "x = 2y + 1", "{}")] * 2)
    """
)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_process(end):
    # a script without a __main__ guard: workers do not import it
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, HANGS.response], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None and parent.stdout.readline() == "correct\n"
    time.sleep(0.3)
    workers = psutil.Process(parent.pid).children(recursive=True)
    assert len(workers) == 3
    os.kill(parent.pid, end)
    if end == signal.SIGINT:
        os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive
