"""Keep freed memory: a cycle allocates and frees the same megabytes every 100 ms."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory(bytes_kept: int = 256 << 20) -> bool:
    """Tell the C library not to give freed blocks back to the kernel. True if it obeys.

    By default glibc maps every large array anew, and the first touch of each page is a fault: 3,600
    of them in a cycle of 256 agents, about 10 ms. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # Blocks above 32 MB are still mapped: none of a cycle is as large.
    return bool(mallopt(_M_TRIM_THRESHOLD, bytes_kept)) and bool(
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
    )
