"""The layout of a store on disk, as numbered steps: a store of an older layout is brought up to date when opened.

layout.json holds the number of the last step taken. A store begins at 0, an empty folder, and takes every step. A step
may be cut off at any instant and taken again, so each one must stand being repeated.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fsspec.spec import AbstractFileSystem

from catalog.errors import UserError
from catalog.files import explained, is_local, names, write_whole

Step = Callable[[AbstractFileSystem, str], None]


def _1_journal_and_builds(fs: AbstractFileSystem, root: str) -> None:
    for folder in ("journal", "builds"):
        fs.makedirs(f"{root}/{folder}", exist_ok=True)


STEPS: tuple[Step, ...] = (_1_journal_and_builds,)
"""Step i makes layout i + 1; a step that stands in a released version never changes."""

LAYOUT_VERSION = len(STEPS)


def layout_of(fs: AbstractFileSystem, root: str) -> int | None:
    """Gives the layout number of the store at `root`, None where there is no store.

    Raises UserError for a layout file that cannot be read, and for a layout this version of the code does not know.
    """
    path = f"{root}/layout.json"
    try:
        number = json.loads(fs.cat_file(path))["layout"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is damaged ({error}): put back {json.dumps({'layout': LAYOUT_VERSION})} if this is a store."
        ) from error
    if not isinstance(number, int) or number > LAYOUT_VERSION:
        raise UserError(
            f"{root} has layout {number!r} and this version of reasonmill knows layouts up to {LAYOUT_VERSION}: "
            "update reasonmill, or choose another store with --store or $REASONMILL_STORE."
        )
    return number


def upgrade(fs: AbstractFileSystem, root: str) -> None:
    """Brings the store at `root` to LAYOUT_VERSION; makes it where there is nothing or an empty folder.

    Processes that open one store at once take turns. Raises UserError where the folder holds something else than a
    store, is of a layout newer than this code, or cannot be written.
    """
    if layout_of(fs, root) == LAYOUT_VERSION:
        return
    with explained(root):
        fs.makedirs(root, exist_ok=True)
        with _turn(fs, root):
            number = layout_of(fs, root)
            if number is None:
                if names(fs, root):
                    raise UserError(
                        f"{root} holds other files and is no store: name an empty or a fresh folder with --store or "
                        "$REASONMILL_STORE."
                    )
                number = 0
                _record(fs, root, number)
            for done in range(number, LAYOUT_VERSION):
                STEPS[done](fs, root)
                _record(fs, root, done + 1)


def _record(fs: AbstractFileSystem, root: str, number: int) -> None:
    write_whole(fs, f"{root}/layout.json", json.dumps({"layout": number}).encode() + b"\n")


@contextmanager
def _turn(fs: AbstractFileSystem, root: str) -> Iterator[None]:
    if not is_local(fs):  # no locks there; steps stand being repeated
        yield
        return
    fd = os.open(f"{root}/.layout.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
