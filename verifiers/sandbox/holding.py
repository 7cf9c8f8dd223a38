"""What holds on this machine: a sandbox is started, in the best way that works, and each of its runs has its layers."""

import functools
from dataclasses import dataclass

from catalog.errors import UserError
from verifiers.sandbox.host import LEVELS, Gone, Zygote, too_low


@dataclass(frozen=True, slots=True)
class Protection:
    name: str
    held: bool
    detail: str


@functools.cache
def _tried() -> tuple[str, str, bool, tuple[str, ...]]:
    """The level, the way to it, whether Landlock is part of it, and why better ways were refused."""
    try:
        zygote = Zygote((), ())
    except Gone as error:
        return "", "", False, (str(error),)
    zygote.close()
    return zygote.level, zygote.way, zygote.landlock, tuple(zygote.refused.values())


def level() -> str:
    """Gives the highest level that a sandbox reaches here: "namespaces", "filters", "limits", or "" for none."""
    return _tried()[0]


def protections() -> list[Protection]:
    """Gives each layer and whether a sandbox started here has it."""
    found, way, landlock, refused = _tried()
    why = "; ".join(refused)
    spaces, filters = found == "namespaces", found in ("namespaces", "filters")
    return [
        Protection("namespaces", spaces, f"users, mounts, processes, network, by {way}" if spaces else why),
        Protection("seccomp", filters, "system calls by an allow-list" if filters else why),
        Protection("Landlock", landlock, "files and TCP" if landlock else "not offered by this kernel"),
        Protection("rlimits", bool(found), "memory, processor time, file size, open files" if found else why),
    ]


def require(least: str) -> None:
    """Raises UserError, saying what is missing and how to get it, where this machine is below a level."""
    if least not in LEVELS:
        raise UserError(f"{least!r} is no level of the sandbox: {', '.join(LEVELS)}")
    found = level()
    if not found or LEVELS.index(found) < LEVELS.index(least):
        raise too_low(found, least, _tried()[3])
