"""System calls that Python 3.11 does not wrap, by ctypes. Each raises OSError with the call's name where it fails."""

import ctypes
import os
import platform
import signal
from collections.abc import Callable, Iterable
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
direct = ctypes.PyDLL(None)
"""The same, with the least that Python does around a call: the interpreter's lock is held, and errno is lost."""

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC = 1, 2, 4, 8, 4096, 16384

_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SYS_MOUNT_SETATTR = 442  # the same number on every architecture, as are all calls since 424
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_NOTHING = [ctypes.c_long(0)] * 4
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 24, 38, 47
_PR_SET_CHILD_SUBREAPER = 36
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_LAST_CAPABILITY = 63
_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


Step = tuple[str, Callable[..., int], tuple[Any, ...]]
"""A call that is made ready beforehand: its name, the function of the C library, the arguments."""


def step(name: str, *arguments: Any) -> Step:
    return name, getattr(direct, name), arguments


def take(steps: Iterable[Step]) -> None:
    """Makes calls one after the other. Raises OSError with the name of the first that is refused."""
    for name, function, arguments in steps:
        if function(*arguments) == -1:
            raise OSError(f"{name} is refused")


def checked(result: int, what: str) -> int:
    """Gives `result`, or raises OSError from errno where it is -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object, what: str) -> int:
    return checked(libc.syscall(ctypes.c_long(number), *arguments), what)


def fork(spaces: int = 0) -> int:
    """Forks without Python's own hooks: for a process that never had a second thread.

    The hooks renew locks that no other thread can have held, and draw a seed; in a large process they touch 200 pages
    that the child then has to copy, more than the fork itself costs. `random` goes on as it stood. `spaces`: new
    namespaces for the child (CLONE_NEW...), in the one call that makes it.
    """
    number = _SYS_CLONE.get(platform.machine())
    pid: int = direct.syscall(number, ctypes.c_ulong(spaces | signal.SIGCHLD), *_NOTHING) if number else direct.fork()
    if pid == -1:
        raise OSError("fork is refused: too many processes, or no memory")
    return pid


def unshare(flags: int) -> None:
    checked(libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    checked(
        libc.mount(*encoded, ctypes.c_ulong(flags), data.encode() if data else None),
        f"mount of {source} on {target}",
    )


def bind_read_only(source: str, target: str) -> None:
    """Shows `source` (a folder with all that is mounted below it, or a file) at `target`, for reading only."""
    mount(source, target, None, MS_BIND | MS_REC)
    set_read_only(target)


def set_read_only(target: str) -> None:
    """Makes the mount at `target` and all below it read-only, without set-user-id programs and devices (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)  # set, clear, propagation, user ns
    syscall(
        _SYS_MOUNT_SETATTR,
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(32),
        what="mount_setattr",
    )


def pivot_root(new_root: str) -> None:
    """Makes `new_root` the root of this mount namespace and lets go of the old one."""
    os.chdir(new_root)
    syscall(_SYS_PIVOT_ROOT[platform.machine()], b".", b".", what="pivot_root")
    checked(libc.umount2(b".", _MNT_DETACH), "umount of the old root")
    os.chdir("/")


def die_with_parent() -> None:
    """Has the kernel kill this process when the thread that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def become_subreaper() -> None:
    """Makes orphans below this process its own children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_dumpable(dumpable: bool) -> None:
    """Where False, no core is written and no other process of this user can look into this one."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def no_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_bounding_set() -> None:
    """Gives up the capabilities that this process, and all that it makes, could gain by exec; not those that it has."""
    for capability in range(_LAST_CAPABILITY + 1):
        if libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0):
            break  # past the kernel's last one, or not ours to drop
    libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)


def drop_capabilities() -> Step:
    """Gives up every capability that the process has."""
    number = ctypes.c_long(_SYS_CAPSET[platform.machine()])
    return step("syscall", number, _CAPABILITY_HEADER, _NO_CAPABILITIES)


def _prctl(option: int, value: int) -> None:
    checked(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")
