"""Landlock: which files a process may still open, enforced by the kernel on the process itself.

The second layer where namespaces hold, and the one that guards the file system where they do not. Rights and version
numbers as in the kernel's userspace-api/landlock documentation.
"""

import ctypes
import os
import struct
from collections.abc import Iterable

from verifiers.sandbox.linux import Step, libc, step, syscall

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_ALL_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_READ = _READ_FILE | _READ_DIR | _EXECUTE
_DEVICES = 1 << 6 | 1 << 11  # making character and block devices
_IOCTL = 1 << 15
_FILE_ONLY = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | _IOCTL
_NET_BIND_CONNECT = 3  # since version 4
_SCOPE_SOCKETS_SIGNALS = 3  # since version 6


def version() -> int:
    """Gives the kernel's Landlock version, 0 where it has none or it is switched off."""
    found: int = libc.syscall(ctypes.c_long(_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    return max(found, 0)


def ruleset(readable: Iterable[str], writable: Iterable[str]) -> int:
    """Gives the descriptor of a set of rules: files at and below `readable` for reading, `writable` for all; no TCP.

    Paths that do not exist are passed over. A rule belongs to the folder as it is, not to its name; it is good for what
    is mounted below the folder later, not for what is mounted over it. Raises OSError where the kernel refuses.
    """
    found = version()
    handled = _ALL_OF_VERSION[min(found, 5)]
    attributes = struct.pack(
        "QQQ", handled, _NET_BIND_CONNECT if found >= 4 else 0, _SCOPE_SOCKETS_SIGNALS if found >= 6 else 0
    )
    size = 24 if found >= 6 else 16 if found >= 4 else 8
    rules = syscall(_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0), what="landlock_create_ruleset")
    for paths, rights in ((readable, _READ), (writable, handled & ~(_EXECUTE | _DEVICES | _IOCTL))):
        for path in paths:
            _allow(rules, path, rights & handled)
    return rules


def restrict(rules: int) -> Step:
    """Holds a thread, and all that it makes, to a set of rules; needs no_new_privileges first."""
    return step("syscall", ctypes.c_long(_RESTRICT), ctypes.c_int(rules), ctypes.c_uint(0))


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _FILE_ONLY
        rule = struct.pack("=Qi", rights, fd)
        syscall(
            _ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_RULE_PATH), rule, ctypes.c_uint(0), what="landlock_add_rule"
        )
    finally:
        os.close(fd)
