"""Many small segments of the journal become one, so that opening it stays fast after hundreds of runs.

A plan is written first and removed last: whoever finds one either ends the merge or forgets it, so that a merge cut off
at any instant neither loses a completion nor leaves one twice.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from fsspec.spec import AbstractFileSystem

from catalog import journal_index
from catalog.files import explained, names, write_whole

LARGEST = 8 << 20
"""Bytes of the largest segment that is merged: copying more than the small ones gains nothing."""

_PLAN = ".merge.json"


def merge(fs: AbstractFileSystem, folder: str, at_least: int, entries_of: Callable[[str], bytes]) -> None:
    """Merges the segments of dead processes in a local folder, if there are `at_least` so many small ones.

    `entries_of` gives a segment's index records. Torn ends are left behind. Does nothing while another process merges.
    Raises UserError when the disk is full; nothing is lost then.
    """
    with explained(folder):
        lock = os.open(f"{folder}/.merge.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _finish(folder)
            sources = [
                file.removesuffix(".jsonl") for file in names(fs, folder, ".jsonl") if _small_and_dead(folder, file)
            ]
            if len(sources) >= at_least:
                _merge(fs, folder, sources, entries_of)
        except BlockingIOError:
            return
        finally:
            os.close(lock)


def _small_and_dead(folder: str, file: str) -> bool:
    with open(f"{folder}/{file}", "rb") as segment:
        if not 0 < os.fstat(segment.fileno()).st_size <= LARGEST:
            return False
        try:
            fcntl.flock(segment, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _merge(fs: AbstractFileSystem, folder: str, sources: list[str], entries_of: Callable[[str], bytes]) -> None:
    target = f"{sources[0]}-{secrets.token_hex(4)}"
    staging = f"{folder}/.{target}.tmp"
    merged = []
    try:
        with open(staging, "xb") as out:
            for name in sources:
                entries = np.frombuffer(entries_of(name), journal_index.ENTRY).copy()
                end = journal_index.end_of(entries.tobytes())
                entries["offset"] += out.tell()
                merged.append(entries.tobytes())
                with open(f"{folder}/{name}.jsonl", "rb") as source:
                    out.write(source.read(end))
            out.flush()
            os.fsync(out.fileno())
        write_whole(fs, f"{folder}/{_PLAN}", json.dumps({"target": target, "sources": sources}).encode())
        write_whole(fs, f"{folder}/{target}.idx", journal_index.block(b"".join(merged)))
        os.rename(staging, f"{folder}/{target}.jsonl")
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(staging)
        raise
    _finish(folder)


def _finish(folder: str) -> None:
    """Removes the sources of a merge whose target stands; without its target a plan never came to anything."""
    try:
        with open(f"{folder}/{_PLAN}", "rb") as file:
            plan = json.load(file)
    except FileNotFoundError:
        return
    target, doomed = str(plan["target"]), []
    if os.path.exists(f"{folder}/{target}.jsonl"):
        doomed = [f"{name}{suffix}" for name in plan["sources"] for suffix in (".jsonl", ".idx")]
    else:
        doomed = [f".{target}.tmp", f"{target}.idx"]
    for name in [*doomed, _PLAN]:
        with suppress(FileNotFoundError):
            os.unlink(f"{folder}/{os.path.basename(name)}")
