"""Reads what a run printed from the file that it printed to."""

import os

from verifiers.sandbox.outcome import Limits, shortened

_MAX_BYTES_OF_A_CHARACTER = 4


def read(fd: int, limits: Limits) -> tuple[str, bool]:
    """Gives a stream's text, shortened to its head and tail, and whether it ran into the hard end of its file."""
    size = os.fstat(fd).st_size
    full = size >= int(limits.file_mb * 2**20)
    room = limits.output_chars * _MAX_BYTES_OF_A_CHARACTER
    if size <= 2 * room:
        return shortened(os.pread(fd, size, 0).decode("utf-8", "replace"), limits.output_chars), full
    head, tail = os.pread(fd, room, 0), os.pread(fd, room, size - room)
    keep = limits.output_chars
    text = head.decode("utf-8", "replace")[: keep * 2 // 3]
    end = tail.decode("utf-8", "replace")[-(keep - keep * 2 // 3) :]
    return f"{text}\n[... about {size - len(text) - len(end)} characters left out ...]\n{end}", full
