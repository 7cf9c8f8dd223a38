"""A vLLM server as a process: started, watched and, a bounded number of times, restarted; nothing of it is left behind.

It knows the command to run and the port, and nothing of requests.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import psutil

from generators.teachers import keeper
from generators.teachers.protocol import AccountError
from generators.teachers.replies import printable
from generators.teachers.settings import VllmSettings

PROBE_S = 5.0
"""Seconds between two looks at a running server's health."""

PROBE_TIMEOUT_S = 30.0
"""A look without an answer for so long counts as failed; a busy CPU build may well need ten."""

BAD_PROBES = 3
"""Failed looks in a row that make a server dead."""

KILLED_S = 10.0
"""Seconds that killed processes may take to be gone."""

LOG_LINES = 20
"""Lines of the server's log that an error carries."""


class VllmServer:
    """One vLLM server at a time on one port; `gate` is where requests wait while there is none."""

    def __init__(self, name: str, settings: VllmSettings, command: list[str], log: Path) -> None:
        self.port = _free_port()
        self.log = log
        self.restarted = 0
        """How often a dead server was replaced."""
        self._name = name
        self._settings = settings
        self._command = [*command, "--port", str(self.port), *settings.args]
        self._process: subprocess.Popen[bytes] | None = None
        self._up = asyncio.Event()
        self._failure: AccountError | None = None

    async def start(self) -> None:
        """Starts the server and waits until it is healthy; where it gets not, AccountError with the end of its log."""
        self._spawn()
        deadline = time.monotonic() + self._settings.start_timeout_s
        async with aiohttp.ClientSession() as session:
            while not await self._healthy(session):
                if not self._alive():
                    raise self._error("exited before it was ready")
                if time.monotonic() > deadline:
                    raise self._error(f"was not ready after {self._settings.start_timeout_s:.0f} s")
                await asyncio.sleep(0.5)
        self._up.set()

    async def gate(self, failed: bool) -> int:
        """Waits until there is a server; gives its number. AccountError once the restarts are used up.

        After a failed attempt it finds out first whether the server, which may be dying, answers.
        """
        if failed:
            await self._answers_or_dies()
        if self._failure is None:
            if not self._alive():
                self._up.clear()  # known here before the watcher looks again
            await self._up.wait()
        if self._failure is not None:
            raise self._failure
        return self.restarted

    async def watch(self) -> None:
        """Replaces the server whenever it has died, until the restarts are used up or the task is cancelled."""
        try:
            while self._failure is None:
                await self._until_dead()
                self._up.clear()
                if self.restarted >= self._settings.restarts:
                    self._failure = self._error(f"died, and all {self._settings.restarts} restarts are used up")
                    break
                self.restarted += 1
                await self.stop()
                try:
                    await self.start()
                except AccountError:
                    await self.stop()  # the next round finds none and tries again, while restarts are left
        except Exception as error:  # a watcher that ends in silence would leave every request waiting
            self._failure = self._error(f"cannot be watched any longer ({error!r})")
        self._up.set()

    async def stop(self) -> None:
        """Ends the server and all its processes; returns when none is left."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            deadline = time.monotonic() + keeper.GRACE_S + 5
            while process.poll() is None and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        # A killed engine takes a while to give its memory back, which the next server wants.
        deadline = time.monotonic() + KILLED_S
        while running_in(process.pid) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        process.wait()

    def _spawn(self) -> None:
        environment = {
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            # For builds that compute on the CPU: a small cache in place of half the memory, and no core set aside.
            "VLLM_CPU_KVCACHE_SPACE": "2",
            "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
            **os.environ,
        }
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def _until_dead(self) -> None:
        bad = 0
        checked = time.monotonic()
        async with aiohttp.ClientSession() as session:
            while self._alive() and bad < BAD_PROBES:
                await asyncio.sleep(0.2)
                if time.monotonic() - checked > PROBE_S:
                    bad = 0 if await self._healthy(session) else bad + 1
                    checked = time.monotonic()

    async def _answers_or_dies(self) -> None:
        deadline = time.monotonic() + PROBE_TIMEOUT_S
        async with aiohttp.ClientSession() as session:
            while self._up.is_set() and self._alive() and time.monotonic() < deadline:
                if await self._healthy(session):
                    return
                await asyncio.sleep(0.1)

    async def _healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(
                f"http://127.0.0.1:{self.port}/health", timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
            ) as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def _error(self, what: str) -> AccountError:
        return AccountError(
            f"The vLLM server of teacher {self._name!r} {what}; mend what the end of its log, {self.log}, says:\n"
            + "\n".join(log_tail(self.log))
        )


def running_in(group: int) -> list[psutil.Process]:
    """Gives the processes of a process group that have not ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError):  # ended meanwhile
            pass
    return found


def log_tail(path: Path, lines: int = LOG_LINES) -> list[str]:
    """Gives the last lines of a log, each made printable."""
    try:
        with open(path, "rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - 64 * 1024, 0))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [printable(line) for line in text.splitlines() if line.strip()][-lines:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
