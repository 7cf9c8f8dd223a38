"""What a run gives up before it is given anything of others. There is no way back from any of it.

What is the same for all runs the zygote gives up itself, once, or makes ready (`Prepared`): a fork then has nothing to
do but to make calls. Each object that it needs besides would cost it a page of memory to copy.
"""

import ctypes
import functools
import math
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass

from verifiers.sandbox import landlock, linux, request, seccomp
from verifiers.sandbox.outcome import Limits
from verifiers.sandbox.root import DEVICES, SCRATCH, SCRATCH_PARENT

_INODES = 4096
_OPEN_FILES = 128
_THREADS = 1024
"""Of all runs of one zygote together, where namespaces or an unprivileged user make the kernel count them."""

_SIGNALS_BYTES = 128
"""Of a set of signals, in the C library."""

_FOLDER = f"{SCRATCH_PARENT}{SCRATCH}"
_MOUNT = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC


@dataclass(frozen=True, slots=True)
class Layers:
    """What holds on this machine: found out once by the zygote."""

    namespaces: bool
    seccomp: bool
    landlock: bool
    readable: list[str]


class Prepared:
    """What the zygote has made ready.

    Making it takes from the zygote, for good, what no run needs. `base_bytes`: the zygote's address space. Raises
    OSError.
    """

    def __init__(self, layers: Layers, base_bytes: int) -> None:
        self.layers = layers
        self._base_bytes = base_bytes
        linux.drop_bounding_set()
        linux.no_new_privileges()
        linux.set_dumpable(False)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too long is an OSError
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        names = ("AS", "CPU", "FSIZE", "NOFILE", "NPROC")
        self._hard = {n: resource.getrlimit(n)[1] for n in (getattr(resource, f"RLIMIT_{name}") for name in names)}
        # Where each run has its private folder at one place, one set of rules is good for all.
        self._rules = _rules(layers, SCRATCH_PARENT) if layers.landlock and layers.namespaces else None
        if layers.seccomp:
            seccomp.hold_zygote()
        self._ready = functools.lru_cache(maxsize=16)(self._in_namespaces)

    def steps(self, limits: bytes, scratch: str) -> Callable[[], list[linux.Step]]:
        """Gives what gives a fork its steps: called in the zygote, it does there what can be done there. `scratch`: the
        folder that a run makes for itself, where it has no namespaces."""
        return self._ready(limits) if self.layers.namespaces else functools.partial(self._in_folder, limits, scratch)

    def _in_namespaces(self, limits: bytes) -> Callable[[], list[linux.Step]]:
        found = request.limits(limits)
        options = f"size={int(found.scratch_mb * 1024)}k,nr_inodes={_INODES},mode=700"
        steps = [
            linux.step("mount", b"tmpfs", _FOLDER.encode(), b"tmpfs", ctypes.c_ulong(_MOUNT), options.encode()),
            *self._from_folder(found, SCRATCH, self._rules, 1),
        ]
        return lambda: steps

    def _in_folder(self, limits: bytes, scratch: str) -> list[linux.Step]:
        linux.die_with_parent()
        os.setsid()
        os.mkdir(scratch, 0o700)
        os.environ.update(HOME=scratch, TMPDIR=scratch)
        rules = _rules(self.layers, scratch) if self.layers.landlock else None
        return self._from_folder(request.limits(limits), scratch, rules, os.getpid())

    def _from_folder(self, limits: Limits, scratch: str, rules: int | None, pid: int) -> list[linux.Step]:
        steps = [
            linux.step("pthread_sigmask", signal.SIG_SETMASK, bytes(_SIGNALS_BYTES), None),
            linux.step("chdir", scratch.encode()),
            self._limit(resource.RLIMIT_AS, self._base_bytes + int(limits.memory_mb * 2**20)),
            # soft is hard: pid 1 would ignore the soft one's signal
            self._limit(resource.RLIMIT_CPU, math.ceil(limits.cpu_s)),
            self._limit(resource.RLIMIT_FSIZE, int(limits.file_mb * 2**20)),
        ]
        if self.layers.namespaces:
            steps.append(self._limit(resource.RLIMIT_NPROC, _THREADS))
        if rules is not None:
            steps.append(landlock.restrict(rules))
        steps += [self._limit(resource.RLIMIT_NOFILE, _OPEN_FILES), linux.drop_capabilities()]
        if self.layers.seccomp:
            steps.append(seccomp.hold_run(pid))
        return steps

    def _limit(self, number: int, value: int) -> linux.Step:
        hard = self._hard[number]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        return linux.step("setrlimit", number, (ctypes.c_uint64 * 2)(value, value))


def _rules(layers: Layers, writable: str) -> int:
    return landlock.ruleset([*layers.readable, *DEVICES], [writable, "/dev/null"])
