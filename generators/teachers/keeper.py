"""Runs a server and sees to it that nothing of it outlives the process that wanted it, however that one ends.

`python keeper.py PARENT_PID COMMAND...` leads a process group of its own with the server in it. When the server exits,
the parent is gone (kill -9 included) or SIGTERM comes, the whole group is asked to end and, after a grace, killed. It
needs nothing but the standard library and does not restart anything.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time

GRACE_S = 10.0
"""Seconds that the server has to end where the build asks it to; one second where either of them is gone."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the group is all there is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _die_with_keeper() -> None:
    """In the server, before it starts: should the keeper itself be killed, so is the server."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def keep(parent: int, command: list[str]) -> int:
    """Gives the server's exit code; see above."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C belongs to the build, which ends the server in its time
    # What the server's own children leave behind becomes this process's child, so that it can be waited for.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_keeper)
    while server.poll() is None and os.getppid() == parent and not stopping:
        time.sleep(0.1)
    code = server.poll()
    if code is not None:
        print(f"the server exited with code {code}", flush=True)
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + (GRACE_S if stopping else 1.0)
    while _children_left(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    sys.stdout.flush()
    os.killpg(0, signal.SIGKILL)
    return code or 0  # not reached: the group is this process's too


def _children_left(server: "subprocess.Popen[bytes]") -> bool:
    if server.poll() is None:
        return True
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


if __name__ == "__main__":
    if os.getpgid(0) != os.getpid():
        os.setsid()
    sys.exit(keep(int(sys.argv[1]), sys.argv[2:]))
