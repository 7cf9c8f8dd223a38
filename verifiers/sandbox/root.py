"""The file system that a sandbox sees: the interpreter, its libraries, our two packages, read-only; nothing else."""

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from verifiers.sandbox.linux import MS_BIND, MS_NODEV, MS_NOSUID, bind_read_only, mount, pivot_root

SCRATCH = "/tmp"
SCRATCH_PARENT = "/scratch"
"""In the sandbox `/tmp` is a link to a folder in this one: a run mounts its own memory there, and a Landlock rule for
the parent, made once, is good for it. One for the folder itself would be covered by the mount."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/lib", "/lib64", "/etc/ld.so.cache")


@dataclass(frozen=True, slots=True)
class View:
    """What may be read, as absolute paths, and where Python finds its modules."""

    readable: list[str]
    modules: list[str]


def view() -> View:
    """Gives what this interpreter needs: its own files, the site-packages in use, `verifiers` and `catalog`."""
    sites = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages") and Path(p).is_dir()]
    standard = [sysconfig.get_path("stdlib"), f"{sysconfig.get_path('stdlib')}/lib-dynload"]
    ours = Path(__file__).resolve().parents[2]
    packages = [str(ours / name) for name in ("verifiers", "catalog")]
    prefix = os.path.realpath(sys.base_prefix)
    # A prefix of the system is /usr or /usr/local, of which _SYSTEM names the parts that are needed.
    own = [] if prefix in ("/usr", "/usr/local") else [prefix]
    readable = [p for p in [*_SYSTEM, *own, *sites, *packages] if os.path.exists(p)]
    return View(_outermost(readable), [*standard, *dict.fromkeys(sites), str(ours)])


def inside(path: str) -> str:
    """Gives where a host's path stands in the sandbox: what lies under the scratch folder would be covered by it."""
    return f"/moved{path}" if path.startswith(f"{SCRATCH}/") else path


def _outermost(paths: list[str]) -> list[str]:
    """Leaves out what lies below another path of the list."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(path.startswith(f"{parent}/") for parent in kept if not os.path.islink(parent)):
            kept.append(path)
    return kept


def build(readable: list[str]) -> None:
    """Replaces the root of this mount namespace; needs CAP_SYS_ADMIN over it. Raises OSError."""
    mount("none", "/", None, 1 << 18 | 1 << 14)  # private, recursively: nothing we mount shows outside
    new = "/sys"  # covered by the new root, in this namespace only; nothing that is mounted below comes from there
    mount("tmpfs", new, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    for path in readable:
        target = f"{new}{inside(path)}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), target)
        else:
            _cover(path, target)
            bind_read_only(path, target)
    os.makedirs(f"{new}/dev")
    for device in DEVICES:
        _cover(device, f"{new}{device}")
        mount(device, f"{new}{device}", None, MS_BIND)
    os.makedirs(f"{new}{SCRATCH_PARENT}{SCRATCH}")
    os.symlink(f"{SCRATCH_PARENT}{SCRATCH}", f"{new}{SCRATCH}")
    pivot_root(new)
    mount("none", "/", None, MS_BIND | 1 | 32 | MS_NOSUID | MS_NODEV)  # read-only, remounted


def _cover(source: str, target: str) -> None:
    """Makes the folder or the empty file over which `source` is mounted."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))


def bubblewrap(tool: str, readable: list[str]) -> list[str]:
    """Gives the command line that makes the same file system with bubblewrap and runs what follows it inside."""
    arguments = [tool, "--unshare-net", "--unshare-ipc", "--unshare-uts", "--cap-add", "ALL", "--proc", "/proc"]
    if os.geteuid() != 0:
        arguments.insert(1, "--unshare-user")
    program = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    shown = readable if any(program.startswith(f"{p}/") for p in readable) else [*readable, program]
    folder = f"{SCRATCH_PARENT}{SCRATCH}"
    # Folders that it makes on the way it keeps to itself, and root gives its identity up: they are made by name.
    places = [*map(inside, shown), *DEVICES, folder]
    for parent in sorted({str(parent) for path in places for parent in Path(path).parents}):
        arguments += ["--dir", parent]
    for path in shown:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), inside(path)]
        else:
            arguments += ["--ro-bind", path, inside(path)]
    for device in DEVICES:
        arguments += ["--dev-bind", device, device]
    return [*arguments, "--dir", folder, "--symlink", folder, SCRATCH, "--remount-ro", "/", "--"]
