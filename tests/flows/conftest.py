"""Real processes for the tests of builds: a scripted teacher behind HTTP, and the command itself."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class TeacherProcess:
    """A scripted teacher in a process of its own, which logs each request that it has answered."""

    log: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    options: tuple[str, ...] = field(default=())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self, *options: str) -> "TeacherProcess":
        self.options = options or self.options
        command = [sys.executable, "-m", "generators.teachers.scripted_server", "--mode", "solve"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--log", str(self.log), *self.options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def answered(self) -> list[tuple[float, str]]:
        """Monotonic time and hash of the body of each answered request, in order."""
        if not self.log.exists():
            return []
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [(float(when), body) for when, body in lines]


@pytest.fixture
def teacher(tmp_path: Path) -> Iterator[TeacherProcess]:
    server = TeacherProcess(tmp_path / "requests.log")
    try:
        yield server
    finally:
        server.kill()


RECIPE = """
name = "tested"
seed = 11
shard_size = {shard_size}

[[tasks]]
generator = "saturn"
n = 3
k = 6
l = 6
count = {count}

[teachers.t]
kind = "openai"
url = "{url}"
model = "scripted"
concurrency = 8
retries = {retries}
timeout_s = {timeout_s}

[sample]
teacher = "t"
n = {n}
max_tokens = 64

[export]
profiles = ["distill", "preference", "rl"]
test_fraction = 0.2
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small recipe against a teacher's URL and gives its path."""

    def write(url: str, **changes: Any) -> Path:
        values = {"count": 120, "n": 2, "shard_size": 16, "retries": 2, "timeout_s": 20.0, **changes}
        path = tmp_path / "tested.toml"
        path.write_text(RECIPE.format(url=url, **values))
        return path

    return write


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command(*arguments: str | Path) -> list[str]:
    """The command line of `reasonmill` with some arguments."""
    return [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)]


def reasonmill(*arguments: str | Path, timeout: float = 120, **environment: str) -> Ended:
    """Runs the command to its end."""
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment}
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def dataset_bytes(build_path: str | Path) -> dict[str, str]:
    """SHA-256 of every file of a build's dataset, by its path in the dataset."""
    root = Path(build_path) / "dataset"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
