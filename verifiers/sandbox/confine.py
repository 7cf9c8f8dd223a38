"""What a run gives up before it is given anything of others. There is no way back from any of it.

What is the same for all runs the zygote gives up itself, once, or makes ready (`prepare`); forks have it from there.
"""

import fcntl
import math
import os
import resource
import signal
from dataclasses import dataclass

from verifiers.sandbox import landlock, linux, seccomp
from verifiers.sandbox.outcome import Limits
from verifiers.sandbox.root import DEVICES, SCRATCH, SCRATCH_PARENT

_INODES = 4096
_OPEN_FILES = 128
_THREADS = 1024
"""Of all runs of one zygote together, where namespaces or an unprivileged user make the kernel count them."""

_OUT_OF_THE_WAY = 64
"""Descriptors from here on keep clear of those that a run is given."""

_FOLDER = f"{SCRATCH_PARENT}{SCRATCH}"
_MOUNT = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC


@dataclass(frozen=True, slots=True)
class Layers:
    """What holds on this machine: found out once by the zygote."""

    namespaces: bool
    seccomp: bool
    landlock: bool
    readable: list[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the zygote has made ready. `base_bytes`: its address space; `hard`: its own hard rlimits, by number."""

    layers: Layers
    base_bytes: int
    hard: dict[int, int]
    rules: int | None
    """Landlock's, where they are the same for all runs: each has its private folder at one place."""


def prepare(layers: Layers, base_bytes: int) -> Prepared:
    """Takes from the zygote, for good, what no run needs; leaves it what it forks with. Raises OSError."""
    seccomp.prepare()
    linux.drop_bounding_set()
    linux.no_new_privileges()
    linux.set_dumpable(False)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too long is an OSError
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    names = ("AS", "CPU", "FSIZE", "NOFILE", "NPROC")
    hard = {number: resource.getrlimit(number)[1] for number in (getattr(resource, f"RLIMIT_{n}") for n in names)}
    rules = None
    if layers.landlock and layers.namespaces:
        low = _rules(layers, SCRATCH_PARENT)
        rules = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY)
        os.close(low)
    return Prepared(layers, base_bytes, hard, rules)


def confine(limits: Limits, prepared: Prepared, scratch: str) -> None:
    """Confines this process, a fresh fork of the zygote; descriptors stay open. Raises OSError: then stop."""
    layers = prepared.layers
    if layers.namespaces:
        linux.unshare(linux.CLONE_NEWNS)
        options = f"size={int(limits.scratch_mb * 1024)}k,nr_inodes={_INODES},mode=700"
        linux.mount("tmpfs", _FOLDER, "tmpfs", _MOUNT, options)
    else:
        os.setsid()
        os.mkdir(scratch, 0o700)
        os.environ.update(HOME=scratch, TMPDIR=scratch)
    os.chdir(scratch)
    _limit(prepared, resource.RLIMIT_AS, prepared.base_bytes + int(limits.memory_mb * 2**20))
    # soft is hard: pid 1 would ignore the soft one's signal
    _limit(prepared, resource.RLIMIT_CPU, math.ceil(limits.cpu_s))
    _limit(prepared, resource.RLIMIT_FSIZE, int(limits.file_mb * 2**20))
    if layers.namespaces:
        _limit(prepared, resource.RLIMIT_NPROC, _THREADS)
    if layers.landlock:
        landlock.restrict(_rules(layers, scratch) if prepared.rules is None else prepared.rules)
    _limit(prepared, resource.RLIMIT_NOFILE, _OPEN_FILES)
    linux.drop_capabilities()
    if layers.seccomp:
        seccomp.install(1 if layers.namespaces else os.getpid())


def _rules(layers: Layers, writable: str) -> int:
    return landlock.ruleset([*layers.readable, *DEVICES], [writable, "/dev/null"])


def _limit(prepared: Prepared, number: int, value: int) -> None:
    hard = prepared.hard[number]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(number, (value, value))


def scratch_folder(layers: Layers, base: str, number: int) -> str:
    return SCRATCH if layers.namespaces else f"{base}/{number}"
