"""Child processes that do not outlive whoever started them, not even after kill -9."""

import os
import sys

_LAUNCHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)  # the parent died before the line above
os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied_to_parent(command: list[str]) -> list[str]:
    """Gives the command that runs `command` so that the kernel kills it when the thread that started it ends.

    The tie is to the starting *thread* (PR_SET_PDEATHSIG): start such processes from a thread that lives as long as
    they should. On systems without prctl the command is given back as it is.
    """
    if not sys.platform.startswith("linux"):
        return command
    return [sys.executable, "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
