"""Memory of the training process: every step frees and takes the same hundreds of megabytes."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MOST = (1 << 31) - 1


def keep_large_blocks() -> bool:
    """Tell the C library to keep freed blocks of any size. True if it obeys.

    Otherwise the pages of every large activation come fresh from the kernel, zeroed: a fifth of a
    step on a CPU. `allocator.keep_freed_memory` does the same for the smaller blocks of the
    vehicle's cycle.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_TRIM_THRESHOLD, _MOST), (_MMAP_THRESHOLD, _MOST), (_TOP_PAD, 256 << 20))
    return all(bool(mallopt(option, value)) for option, value in settings)
