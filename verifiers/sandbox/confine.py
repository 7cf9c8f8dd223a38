"""What a fresh fork of the zygote gives up before it runs anything of others. There is no way back from any of it."""

import math
import os
import resource
import signal
from dataclasses import dataclass

from verifiers.sandbox import landlock, linux, seccomp
from verifiers.sandbox.root import DEVICES, SCRATCH

_INODES = 4096
_OPEN_FILES = 128
_THREADS = 1024
"""Of all runs of one zygote together, where namespaces or an unprivileged user make the kernel count them."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What holds on this machine: found out once by the zygote."""

    namespaces: bool
    seccomp: bool
    landlock: bool
    readable: list[str]


def confine(limits: dict[str, float], layers: Layers, scratch: str, base_bytes: int) -> None:
    """Confines this process. `base_bytes`: the address space that the zygote takes. Raises OSError: then stop."""
    if layers.namespaces:
        linux.unshare(linux.CLONE_NEWNS)
        options = f"size={int(limits['scratch_mb'] * 1024)}k,nr_inodes={_INODES},mode=700"
        linux.mount("tmpfs", scratch, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC, options)
    else:
        os.setsid()
        os.mkdir(scratch, 0o700)
    os.chdir(scratch)
    for name, value in (
        (resource.RLIMIT_AS, base_bytes + int(limits["memory_mb"] * 2**20)),
        (resource.RLIMIT_CPU, math.ceil(limits["cpu_s"])),  # soft is hard: pid 1 would ignore the soft one's signal
        (resource.RLIMIT_FSIZE, int(limits["file_mb"] * 2**20)),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _limit(name, value)
    if layers.namespaces:
        _limit(resource.RLIMIT_NPROC, _THREADS)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too long is an OSError
    linux.set_dumpable(False)
    linux.no_new_privileges()
    if layers.landlock:
        landlock.restrict([*layers.readable, *DEVICES], [scratch, "/dev/null"])
    linux.drop_capabilities()
    if layers.seccomp:
        seccomp.install(os.getpid())


def _limit(name: int, value: int) -> None:
    _, hard = resource.getrlimit(name)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(name, (value, value))


def scratch_folder(layers: Layers, base: str, number: int) -> str:
    return SCRATCH if layers.namespaces else f"{base}/{number}"
