"""Each way to lock the sandbox up, for root and for an ordinary user, in a process of its own."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from verifiers.sandbox import landlock, seccomp
from verifiers.sandbox.host import level_of

ROOT = Path(__file__).resolve().parents[3]
ORDINARY = 65533
"""A user that no machine has processes of."""

WAYS = ("bubblewrap", "unshare", "filters", "limits")
SCRIPT = """
import os, sys
sys.path.insert(0, {root!r})
from verifiers.sandbox import Sandbox, host
host._failed.update(dict.fromkeys({others!r}, "left out"))
with Sandbox(preload=()) as box:
    print(box.zygote().way)
    print(box.run("open('kept', 'w').write('x'); print(6 * 7)").stdout.strip())
    print(box.run("import os; print(os.path.exists('kept'), os.getuid() == 0)").stdout.strip())
    print(box.run("open('/etc/passwd')").error)
    print(box.run("import os; os.fork()").error)
"""


@functools.cache
def python_of(user: int) -> str | None:
    """An interpreter that a user can start and that finds our code, None where there is none."""
    for python in (os.path.realpath(sys.executable), shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        look = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import verifiers.sandbox, tomllib"
        if python and run([python, "-S", "-c", look], user).returncode == 0:
            return python
    return None


def run(command: list[str], user: int) -> subprocess.CompletedProcess[str]:
    other = {"user": user, "group": user, "extra_groups": []} if user != os.getuid() else {}
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/", **other)  # type: ignore[call-overload]
    except PermissionError:
        return subprocess.CompletedProcess(command, 126)


@pytest.mark.parametrize("who", ["this user", "an ordinary user"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_works_for_root_and_for_an_ordinary_user(way: str, who: str) -> None:
    if way == "bubblewrap" and not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    user = os.getuid() if who == "this user" else ORDINARY
    if user != os.getuid() and os.getuid() != 0:
        pytest.skip("only root can become another user, and this user is an ordinary one")
    python = python_of(user)
    if python is None:
        pytest.skip("no interpreter that another user can start finds this checkout")
    if level_of(way) == "namespaces" and run(["unshare", "--user", "--mount", "--net", "true"], user).returncode:
        pytest.skip("this machine refuses user namespaces")
    if way == "filters" and not (landlock.version() and seccomp.offered()):
        pytest.skip("this kernel offers no Landlock or no filter")
    script = SCRIPT.format(root=str(ROOT), others=[other for other in WAYS if other != way])
    done = run([python, "-S", "-c", script], user)
    used, printed, after, passwords, forked = done.stdout.splitlines()
    assert (used, printed) == (way, "42"), done.stderr
    if level_of(way) == "namespaces":
        assert after == "False False"
    assert after.startswith("False")
    if way != "limits":
        assert "No such file" in passwords or "Permission denied" in passwords
        assert "not permitted" in forked
