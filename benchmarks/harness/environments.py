"""Environments for peers, each from exact pins, outside the checkout."""

import os
import subprocess
import sys
import venv
from pathlib import Path


def folder() -> Path:
    """Gives the folder of all environments."""
    cache = os.environ.get("REASONMILL_CACHE") or Path.home() / ".cache" / "reasonmill"
    return Path(cache) / "bench-venvs"


def python_of(name: str, pins: Path) -> Path:
    """Gives the Python of the environment with these pins, made when missing or made from other pins; takes minutes."""
    place = folder() / name
    python = place / "bin" / "python"
    mark = place / "pins.txt"
    if mark.exists() and mark.read_text() == pins.read_text():
        return python
    print(f"installing {name} into {place} ...", file=sys.stderr)
    venv.create(place, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-input", "-r", pins], check=True, stdout=sys.stderr)
    mark.write_text(pins.read_text())
    return python


def versions(python: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Gives the versions of packages in an environment."""
    code = "import sys; from importlib.metadata import version; print(*[version(n) for n in sys.argv[1:]])"
    found = subprocess.run([python, "-c", code, *names], check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(names, found, strict=True))
