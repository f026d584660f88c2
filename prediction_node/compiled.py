"""Machine code from Python loops, for what numpy can only do in many small steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar('Kernel', bound=Callable[..., Any])

_KERNELS: list[Any] = []


def compiled(function: Kernel) -> Kernel:
    """Compile `function` at its first call with arguments of new types.

    Machine code is kept on disk (in __pycache__ beside the module, or in the user's cache folder
    where that cannot be written) and loaded by later processes as long as the module's file stays
    the same. Changes in other files are not noticed: a compiled function uses functions and numbers
    of its own module only (test_architecture holds it). Division by zero gives what numpy
    gives; rounding is that of the written order of operations. Other threads run meanwhile.
    """
    kernel = numba.njit(cache=True, error_model='numpy', nogil=True)(function)
    _KERNELS.append(kernel)
    return cast(Kernel, kernel)


def compilations() -> int:
    """How many kernels are ready, each counted once for every combination of argument types."""
    return sum(len(kernel.signatures) for kernel in _KERNELS)
