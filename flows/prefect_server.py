"""A Prefect API for the time of one command: the user's own where $PREFECT_API_URL names one, else a private server.

The private server keeps its history in the cache folder, needs no start by hand, and dies with the command, also after
kill -9. Prefect's own ephemeral server survives that as an orphan (seen with 3.8.8).
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from catalog.models import cache_dir
from catalog.processes import tied_to_parent

_START_S = 120.0
"""The first start makes the server's database, which took 14 s on two cores."""


@contextmanager
def prefect_api() -> Iterator[str]:
    """Gives the URL of a Prefect API, also set as $PREFECT_API_URL. Call it before anything imports prefect."""
    _quiet()
    url = os.environ.get("PREFECT_API_URL")
    if url:
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
        yield url
        return
    # The command says itself how it ended; on Ctrl-C Prefect would add a line for each task, and one for each of these
    # lines that no longer reaches the server.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    log_path = cache_dir() / "prefect" / "server.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("w") as log:
        server = subprocess.Popen(
            tied_to_parent([sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--port", str(port)]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the build, which then ends the server itself
        )
        os.environ["PREFECT_API_URL"] = url
        try:
            _wait(server, url, log_path)
            yield url
        finally:
            del os.environ["PREFECT_API_URL"]
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _quiet() -> None:
    """No telemetry, no account, no chatter; whatever the user has set himself stays."""
    for name, value in {
        "PREFECT_HOME": str(cache_dir() / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    }.items():
        os.environ.setdefault(name, value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], url: str, log_path: os.PathLike[str]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"The private Prefect server did not start (its log is {log_path}); --plain builds without it.")
