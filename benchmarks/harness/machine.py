"""What a figure was measured on, without saying whose machine it is."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path


def describe(packages: tuple[str, ...] = ()) -> dict[str, object]:
    """Gives cores, processor, memory and versions; no host name and no path."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "memory_gib": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def load() -> float:
    """Gives the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def core_ms() -> float:
    """Gives the CPU milliseconds that a fixed loop takes: how fast a core is at this moment, whatever its host does."""
    started, total = time.process_time(), 0
    for i in range(1_000_000):
        total += i * i % 7
    return round((time.process_time() - started) * 1e3)


def busy_s() -> float:
    """Gives the CPU seconds used since the machine started, by all its processes and by its host in their place."""
    user, nice, system, _, _, irq, softirq, steal, *_ = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, softirq, steal))) / os.sysconf("SC_CLK_TCK")


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
