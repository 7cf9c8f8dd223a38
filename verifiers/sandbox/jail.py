"""The process that locks itself up and then becomes the zygote. Runs before anything heavy is imported.

Stages: a root that shows only what Python needs (by bubblewrap, which has made it already, or by `root.build`), the
user's identity given up, namespaces of its own for users, mounts, processes, network and the rest, and in them the
zygote. Each zygote is started with one `way`; where it cannot be gone, a frame says why and the host tries the next.
"""

import json
import os
import socket
import sys
from contextlib import suppress
from typing import Any

from verifiers.sandbox import linux, root, zygote

UNPRIVILEGED = 65534
"""The user and group that root becomes; "nobody" nearly everywhere."""

_INNER_ID = 1000
_SPACES = (
    linux.CLONE_NEWUSER
    | linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWCGROUP
)


def main() -> None:
    """Reads its configuration (see host.launch) from the command line, which it then forgets."""
    config: dict[str, Any] = json.loads(sys.argv[1])
    sys.argv[:] = [""]
    sys.orig_argv[:] = [""]
    os.environ.pop("LD_LIBRARY_PATH", None)
    control = socket.socket(fileno=config["control"])
    try:
        with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")  # where memory ends, ours go first
        _lock_up(config)
        if config["moved"]:
            _move(config)
    except OSError as error:
        control.send(json.dumps({"failed": f"{config['way']}: {error}"}).encode())
        sys.exit(1)
    zygote.main(control, config)


def _lock_up(config: dict[str, Any]) -> None:
    way = config["way"]
    if way in ("filters", "limits"):
        if os.geteuid() == 0 and all(_open_to_all(path) for path in [*config["readable"], *config["modules"]]):
            _become_nobody()
        config["proc"] = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        return
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    if way == "unshare":
        if os.geteuid() != 0:
            _enter_user_space(linux.CLONE_NEWUSER | linux.CLONE_NEWNS, proc)
        else:
            linux.unshare(linux.CLONE_NEWNS)
        root.build(config["readable"])
    if os.geteuid() == 0:
        _become_nobody()
        linux.set_dumpable(True)  # or its own id map would belong to root
    _enter_user_space(_SPACES, proc)
    config["proc"] = proc  # the zygote measures itself with it, then closes it
    if way == "bubblewrap":
        linux.mount("tmpfs", "/proc", "tmpfs", linux.MS_RDONLY, "size=4k,mode=555")
    inside = os.fork()
    if inside:
        _wait_for(inside, config["control"], config["owner"])
    linux.die_with_parent()


def _move(config: dict[str, Any]) -> None:
    """Looks for files where they stand in the sandbox, also those of packages that are imported already."""
    config["readable"] = [root.inside(path) for path in config["readable"]]
    sys.path[:] = [root.inside(path) for path in config["modules"]]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        if isinstance(folders := getattr(module, "__path__", None), list):
            folders[:] = map(root.inside, folders)


def _wait_for(inside: int, *fds: int) -> None:
    """Holds nothing but the child, so that whoever waits for this process waits for the zygote."""
    for fd in fds:
        os.close(fd)
    _, status = os.waitpid(inside, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _enter_user_space(spaces: int, proc: int) -> None:
    user, group = os.getuid(), os.getgid()
    linux.unshare(spaces)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{_INNER_ID} {user} 1"),
        ("gid_map", f"{_INNER_ID} {group} 1"),
    ):
        fd = os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc)
        os.write(fd, text.encode())
        os.close(fd)


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
    os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)


def _open_to_all(path: str) -> bool:
    while True:
        if not os.path.exists(path):
            return True
        if os.stat(path).st_mode & 0o001 == 0 and os.path.isdir(path):
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)
