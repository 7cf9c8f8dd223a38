"""A heap that costs a fork next to nothing: what is imported lies in a file in memory, not in pages of the process.

Of a process's own pages a fork copies the table, entry by entry, and the child's end takes each entry back; with sympy
imported that is more than half of what the two cost. Of a file that is mapped and not written to it copies nothing.

The C library's heap grows by one large piece, over which an empty file is mapped, shared; Python's arenas are taken
from it too. Once all is imported, the same file is mapped in its own place again, private this time: to whoever forks
from here on it is memory like any other, of which each copies what it writes to.

Stands outside `verifiers.sandbox`, so that importing that package can already happen in such a block.
"""

import ctypes
import fcntl
import gc
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

_ROOM = 256 << 20
"""Bytes for what is imported. What does not fit lies in pages of the process: slower, and no worse."""

_SPARE = 1 << 20
"""Bytes left free at the heap's end, so that it does not grow while its end is looked up."""

_FIRST = 256 << 10
_LARGEST_IN_HEAP = 32 << 20
"""Bytes up to which pieces come from the heap: what glibc itself rises to, in programs that free large ones."""

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3)
_USUAL_PAD, _TRIM_FROM = 128 << 10, 4 << 20

_MAP_FIXED, _DONT_FORK = 0x10, 10
_DOMAIN_RAW = 0
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL

_address, _size = ctypes.c_void_p, ctypes.c_size_t
_libc, _python = ctypes.CDLL(None, use_errno=True), ctypes.pythonapi
for _function in ("malloc", "sbrk") if hasattr(_libc, "sbrk") else ():
    getattr(_libc, _function).restype = _address


class _Allocator(ctypes.Structure):
    """Python's PyMemAllocatorEx."""

    _fields_ = [(name, _address) for name in ("context", "malloc", "calloc", "realloc", "free")]


class _Arenas(ctypes.Structure):
    """Python's PyObjectArenaAllocator."""

    _fields_ = [(name, _address) for name in ("context", "alloc", "free")]


@contextmanager
def shared_with_forks() -> Iterator[None]:
    """Puts what its block allocates where later forks share it. For a process of one thread; no fork of it may happen
    inside the block. Where the C library is not glibc, or its heap cannot grow, it does nothing.
    """
    piece = _grow() if hasattr(_libc, "mallopt") else None
    if piece is None:
        yield
        return
    low, size = piece
    file = os.memfd_create("heap", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, size)
    _map(file, low, size, mmap.MAP_SHARED)
    _libc.madvise(_address(low), _size(size), _DONT_FORK)  # an import that forks would share what it writes
    usual = _take_arenas_from_malloc()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()  # a later collection would write to all of it
        # It gives arenas back by munmap, which refuses one that does not begin at a page, as nearly all of these; one
        # that does may go, for its pages hold nothing else.
        _python.PyObject_SetArenaAllocator(ctypes.byref(usual))
        _libc.malloc_trim(_size(_SPARE))
        _map(file, low, min(_libc.sbrk(0) - low, size), mmap.MAP_PRIVATE)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        os.close(file)
        _grow_as_usual()


def _grow() -> tuple[int, int] | None:
    """Gives address and bytes of a piece at the heap's end that nothing has written to yet."""
    _libc.mallopt(_MMAP_THRESHOLD, _LARGEST_IN_HEAP)
    _libc.mallopt(_TOP_PAD, 0)
    _libc.malloc_trim(_size(0))
    _libc.mallopt(_TOP_PAD, _ROOM)
    _libc.mallopt(_TRIM_THRESHOLD, -1)  # never: it would shrink under the file, and grow again without it
    before = _libc.sbrk(0)
    first = _libc.malloc(_size(_FIRST))  # what is left at the end is too small for it: the heap grows
    after = _libc.sbrk(0)
    _libc.free(_address(first))  # what is allocated before the file is mapped fits in here
    low = -(-((first or 0) + _FIRST + mmap.PAGESIZE) // mmap.PAGESIZE) * mmap.PAGESIZE
    if before <= low < after and after - before >= _ROOM:
        return low, after - low
    _grow_as_usual()
    return None


def _grow_as_usual() -> None:
    _libc.mallopt(_TOP_PAD, _USUAL_PAD)
    _libc.mallopt(_TRIM_THRESHOLD, _TRIM_FROM)


def _take_arenas_from_malloc() -> _Arenas:
    """Gives the usual allocator. Meanwhile no arena is given back: what frees one gets the context first, a null."""
    usual, raw = _Arenas(), _Allocator()
    _python.PyObject_GetArenaAllocator(ctypes.byref(usual))
    _python.PyMem_GetAllocator(_DOMAIN_RAW, ctypes.byref(raw))
    if raw.context is None:  # else Python was built, or started, to watch its memory
        free = ctypes.cast(_libc.free, _address).value
        _python.PyObject_SetArenaAllocator(ctypes.byref(_Arenas(None, raw.malloc, free)))
    return usual


def _map(file: int, low: int, size: int, kind: int) -> None:
    arguments = _address(low), _size(size), mmap.PROT_READ | mmap.PROT_WRITE, kind | _MAP_FIXED, file, ctypes.c_long(0)
    _libc.mmap.restype = ctypes.c_ssize_t
    if _libc.mmap(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "the heap's file cannot be mapped")
