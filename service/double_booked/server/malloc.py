"""The memory that malloc(3) has allocated, and how it gives memory back."""

import ctypes
import functools

from double_booked.server.memory import resident_bytes

_M_ARENA_MAX = -8
"""The number of mallopt's parameter, from glibc's malloc.h."""


def used_bytes() -> int | None:
    """Return how many bytes are allocated, None where that is unknown.

    Freed memory that malloc keeps for itself does not count: the next request takes it. Where the
    C library cannot tell (mallinfo2 is of glibc 2.33), this is `resident_bytes()`. It takes 0.02
    to 1 ms, and up to 6 ms after thousands of large calls were ended.
    """
    mallinfo = getattr(_libc(), "mallinfo2", None)
    if mallinfo is None:
        return resident_bytes()
    mallinfo.restype = _Mallinfo
    info = mallinfo()
    return int(info.uordblks + info.hblkhd)


def release_free_memory() -> None:
    """Give freed memory back to the system, where the C library can.

    With 1 GiB to give back it takes 50 to 270 ms. Other threads run meanwhile, but those that
    allocate wait for it, as they share its arena. With nothing to give back it takes 0.2 to 2 ms.
    """
    trim = getattr(_libc(), "malloc_trim", None)
    if trim:
        trim(0)


def limit_malloc_arenas() -> None:
    """Let all threads allocate from one arena, so that what one frees serves the next.

    Otherwise each worker thread keeps the memory of its largest list to itself. It
    takes effect for threads started later; where the C library has no mallopt(3),
    nothing happens.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt:
        mallopt(_M_ARENA_MAX, 1)


class _Mallinfo(ctypes.Structure):
    """What mallinfo2(3) returns."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


@functools.cache
def _libc() -> ctypes.CDLL:
    """Return the C library, whose functions run without the GIL."""
    return ctypes.CDLL(None)
