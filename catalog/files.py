"""Files of a store on any file system that fsspec knows: they appear whole or not at all.

Locally a file is written under a temporary name, synced and renamed; remotely one put makes it appear.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from catalog.errors import UserError


def locate(url: str | os.PathLike) -> tuple[AbstractFileSystem, str, str]:
    """Gives the file system of a path or URL, the path in it, and the URL (the absolute path for local ones).

    Raises UserError for a protocol that is unknown or whose package is not installed.
    """
    text = os.fspath(url)
    try:
        # Other processes write to the same store: a cached listing would hide their files.
        fs, path = fsspec.url_to_fs(text, use_listings_cache=False)
    except (ValueError, ImportError) as error:
        raise UserError(
            f"{text} cannot be opened: {error}; name a local folder or install what it asks for."
        ) from error
    if is_local(fs):
        return fs, path, path
    return fs, path.rstrip("/"), text.rstrip("/")


def is_local(fs: AbstractFileSystem) -> bool:
    """Whether paths of this file system are paths of the operating system."""
    return isinstance(fs, LocalFileSystem)


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turns the write errors that only the user can mend (disk full, not writable) into UserError."""
    try:
        yield
    except OSError as error:
        told = in_words(error, path)
        if told is None:
            raise
        raise told from error


def in_words(error: OSError, path: str) -> UserError | None:
    """Gives the sentence for a write error that only the user can mend, None for any other error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"disk full at {path}: free space and run the same command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return UserError(
            f"{path} cannot be written ({os.strerror(error.errno)}): mend its permissions, or choose another store "
            "with --store or $REASONMILL_STORE."
        )
    return None


def write_whole(fs: AbstractFileSystem, path: str, data: bytes) -> None:
    """Makes `path` appear with `data`, replacing what was there; missing folders are made.

    Raises UserError when the disk is full or the place not writable; nothing half-written stays behind.
    """
    with explained(path):
        if is_local(fs):
            _write_and_rename(path, data)
            return
        try:
            fs.pipe_file(path, data)
        except FileNotFoundError:  # a file system with real folders, such as sftp
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe_file(path, data)


def _write_and_rename(path: str, data: bytes) -> None:
    folder, name = os.path.split(path)
    staging = os.path.join(folder, f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    os.makedirs(folder, exist_ok=True)
    try:
        with open(staging, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staging, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(staging)
        raise


def names(fs: AbstractFileSystem, folder: str, suffix: str = "") -> list[str]:
    """Gives the sorted names in a folder that end with `suffix`, without hidden ones; none where it is missing."""
    try:
        listed = os.listdir(folder) if is_local(fs) else [p.rstrip("/") for p in fs.ls(folder, detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = {path.rpartition("/")[2] for path in listed}
    return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))
