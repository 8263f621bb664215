"""How the C library keeps memory for the threads of a process.

glibc gives every few threads a heap of their own, so that they need not wait for each other, and keeps in each what was
once needed there. Threads of Python allocate one at a time anyway: with one heap for all, a process that has answered
with large pages on many threads is 10 MiB smaller. And it learns from large blocks, as such pages are, to keep their
memory when they are freed; it does not once it is told what is large. Other C libraries have no such settings and need
none.
"""

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX in malloc.h
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD
_LARGE = 256 * 1024


def share_one_heap() -> None:
    """Call it before there are threads."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGE)
