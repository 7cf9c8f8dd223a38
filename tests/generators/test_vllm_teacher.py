"""The supervision of vLLM's server: what needs none, then the real thing (make test-vllm)."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from catalog.errors import UserError
from generators.teachers import open_teacher
from generators.teachers.protocol import AccountError, Request
from generators.teachers.settings import VllmSettings
from generators.teachers.vllm import revision
from generators.teachers.vllm_cpu import cpu_args
from generators.teachers.vllm_server import log_tail, running_in

ROOT = Path(__file__).resolve().parent.parent.parent
KEEPER = ROOT / "generators" / "teachers" / "keeper.py"


def _settings(**changes):
    return VllmSettings(kind="vllm", model="smollm2-135m-instruct", **changes)


def _open(settings):
    async def main():
        async with open_teacher("t", settings, Path(".")):
            pass

    asyncio.run(main())


def test_a_python_without_vllm_is_the_users_error_with_the_way_to_mend_it():
    with pytest.raises(UserError, match=r"pip install reasonmill\[vllm\]"):
        _open(_settings(python=sys.executable))


def test_a_python_that_is_not_there_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="does not start"):
        _open(_settings(python=str(tmp_path / "python")))


def test_the_revision_names_what_changes_the_answers():
    args = ("--enforce-eager", "--quantization", "fp8", "--dtype=float16", "--max-num-seqs", "8")
    assert revision(_settings(revision="abc", args=args)) == (
        "smollm2-135m-instruct@abc --quantization=fp8 --dtype=float16"
    )


@pytest.mark.parametrize(
    ("short_numbers", "given", "added"),
    [
        (True, ("--enforce-eager",), ["--no-enable-chunked-prefill", "--block-size", "32"]),
        (False, (), ["--dtype", "float32", "--no-enable-chunked-prefill", "--block-size", "32"]),
        (False, ("--dtype=bfloat16", "--block-size=64"), ["--no-enable-chunked-prefill"]),
        (False, ("-q", "awq", "--block-size", "16"), ["--no-enable-chunked-prefill"]),
        (False, ("--dtype", "half", "--max_num_batched_tokens", "64"), ["--block-size", "32"]),
    ],
)
def test_a_cpu_build_is_told_what_it_needs_and_the_users_word_counts(short_numbers, given, added):
    assert cpu_args(given, short_numbers) == added


def test_a_log_tail_is_short_and_printable(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"x" * 10**6 + b"\n" + b"\n".join(b"line %d \x1b[31m\xff" % i for i in range(50)))
    tail = log_tail(log)
    assert len(tail) == 20
    assert tail[-1] == "line 49 \ufffd[31m\ufffd"


# A server that has a child which ignores SIGTERM, as an engine that is stuck in a kernel would.
STUBBORN = """
import os, signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def kept():
    """Gives keeper, server and the server's child of a build process that can be killed."""
    build = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, subprocess, sys, time\n"
            "keeper = subprocess.Popen([sys.executable, '-I', '-S', sys.argv[1], str(os.getpid()), sys.executable,"
            " '-c', sys.argv[2]], start_new_session=True)\n"
            "keeper.wait()",
            str(KEEPER),
            STUBBORN,
        ],
        stdout=subprocess.PIPE,
    )
    assert build.stdout.readline() == b"up\n"
    keeper = psutil.Process(build.pid).children()[0]
    while len(keeper.children(recursive=True)) < 2:
        time.sleep(0.02)
    time.sleep(0.3)  # the child has to get to ignoring SIGTERM
    processes = [keeper, *keeper.children(recursive=True)]
    yield build, processes
    for process in processes:
        if process.is_running():
            process.kill()
    build.kill()
    build.wait()
    build.stdout.close()


@pytest.mark.parametrize("victim", ["build", "keeper", "server"])
def test_nothing_of_a_server_outlives_a_kill(kept, victim):
    build, (keeper, server, child) = kept
    {"build": build, "keeper": keeper, "server": server}[victim].kill()
    if victim == "keeper":
        # Nobody is left to see to the child: the build, which sees the keeper gone, kills its group.
        psutil.wait_procs([server], timeout=5)
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
        os.killpg(keeper.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([keeper, server, child], timeout=20)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


def _real(test):
    """Marks a test that starts vLLM's server."""
    reason = "REASONMILL_VLLM_PYTHON names no Python with vLLM"
    test = pytest.mark.skipif("REASONMILL_VLLM_PYTHON" not in os.environ, reason=reason)(test)
    return pytest.mark.vllm(pytest.mark.timeout(900)(test))


def _groups_below(pid):
    """Gives the process groups that keepers of process `pid` lead."""
    return [p.pid for p in psutil.Process(pid).children() if "keeper.py" in " ".join(p.cmdline())]


@_real
def test_a_server_killed_in_the_middle_is_restarted_and_then_given_up_with_its_log():
    settings = _settings(max_model_len=2048, args=("--enforce-eager",), restarts=1, retries=0)
    requests = [Request(f"{i}, {i + 1}, {i + 2},", max_tokens=96, seed=i) for i in range(8)]

    async def main():
        async with open_teacher("t", settings, Path(".")) as teacher:
            (group,) = _groups_below(os.getpid())
            before = [await teacher.complete(requests[0])]
            tasks = [asyncio.create_task(teacher.complete(r)) for r in requests]
            await asyncio.sleep(0.5)
            assert not any(task.done() for task in tasks)
            # The API server alone: what it leaves behind is the keeper's business.
            next(p for p in running_in(group) if p.ppid() == group).kill()
            during = await asyncio.gather(*tasks)
            assert running_in(group) == []
            (second,) = _groups_below(os.getpid())
            for process in running_in(second):
                process.kill()
            with pytest.raises(AccountError, match="all 1 restarts are used up") as given_up:
                await teacher.complete(requests[0])
            return before, during, str(given_up.value), second

    before, during, words, second = asyncio.run(main())
    assert [len(r.choices) for r in [*before, *during]] == [1] * 9
    assert all(r.choices[0].text for r in during)
    assert len(words.splitlines()) > 5
    assert running_in(second) == []


@_real
def test_no_process_of_a_real_server_outlives_a_killed_build(tmp_path):
    script = (
        "import asyncio\nfrom pathlib import Path\nfrom generators.teachers import open_teacher\n"
        "from generators.teachers.settings import VllmSettings\n"
        "async def main():\n"
        "    settings = VllmSettings(kind='vllm', model='smollm2-135m-instruct', max_model_len=1024,"
        " args=('--enforce-eager',))\n"
        "    async with open_teacher('t', settings, Path('.')) as teacher:\n"
        "        print('up', flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    build = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert build.stdout.readline() == b"up\n"
        (group,) = _groups_below(build.pid)
        assert len(running_in(group)) >= 3
    finally:
        build.kill()
        build.wait()
        build.stdout.close()
    deadline = time.monotonic() + 30
    while running_in(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running_in(group) == []


@_real
def test_a_server_that_cannot_start_is_the_users_error_with_the_end_of_its_log():
    with pytest.raises(UserError, match="exited before it was ready") as error:
        _open(_settings(args=("--no-such-flag",)))
    assert "no-such-flag" in str(error.value)
