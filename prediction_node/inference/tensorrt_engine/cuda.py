"""What the engine asks of CUDA, through pycuda and the driver. Not run on a GPU yet.

One thread owns the context: whoever makes a `Cuda` must be the one that uses it.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from prediction_node.domain.errors import EngineError

# CU_STREAM_CAPTURE_MODE_RELAXED: TensorRT may do things while it is captured that are not part.
_RELAXED = 2


Shape = tuple[int, int, int]
# Queues a kernel: grid, block, and the addresses that it is given.
Kernel = Callable[[Shape, Shape, Sequence[int]], None]


class Gpu(Protocol):
    """Memory, copies, kernels and one stream."""

    @property
    def stream(self) -> int:
        """Its handle, as TensorRT wants it."""

    def allocate(self, size: int) -> int:
        """Address of so many bytes on the device, for good. Raises EngineError."""

    def pin(self, arrays: Iterable[np.ndarray]) -> None:
        """Lock host arrays into memory: copies need not wait for them. Raises EngineError."""

    def to_device(self, address: int, array: np.ndarray) -> None:
        """Queue a copy."""

    def to_host(self, array: np.ndarray, address: int) -> None:
        """Queue a copy."""

    def kernels(
        self, source: str, options: Sequence[str], names: Mapping[str, int]
    ) -> dict[str, Kernel]:
        """Compile CUDA C++ and give the kernels of these names, each with so many addresses for
        arguments. Raises EngineError.
        """

    def synchronize(self) -> None:
        """Wait until all that was queued is done. Raises for what went wrong in it."""

    def captured(self, queue: Callable[[], None]) -> Callable[[], None]:
        """What `queue` queues as one graph: calling it queues it again, at the cost of one call."""


class Cuda:
    """Implements Gpu on a real one."""

    def __init__(self, device: int = 0) -> None:
        """Raises EngineError where pycuda or the device is missing."""
        try:
            import pycuda.driver as driver
        # Not only ImportError: pycuda raises whatever loading CUDA's libraries does.
        except Exception as error:
            raise EngineError(
                'the engine tensorrt needs pycuda, compiled against the CUDA of this machine '
                f'(pip install pycuda): {error}'
            ) from error
        self._driver = driver
        try:
            driver.init()
            self._context = driver.Device(device).make_context()
            self._stream = driver.Stream()
            self._library = ctypes.CDLL('libcuda.so.1')
        except Exception as error:
            raise EngineError(f'GPU {device} cannot be used: {error}') from error
        self._held: list[Any] = []

    @property
    def stream(self) -> int:
        return int(self._stream.handle)

    def allocate(self, size: int) -> int:
        try:
            self._held.append(self._driver.mem_alloc(max(size, 1)))
        except Exception as error:
            raise EngineError(f'{size} bytes on the GPU: {error}') from error
        return int(self._held[-1])

    def pin(self, arrays: Iterable[np.ndarray]) -> None:
        # Not by pycuda, whose call for it fails with numpy 2.
        for begin, end in _pages(arrays):
            size = ctypes.c_size_t(end - begin)
            self._call('cuMemHostRegister_v2', ctypes.c_void_p(begin), size, ctypes.c_uint(0))

    def to_device(self, address: int, array: np.ndarray) -> None:
        self._driver.memcpy_htod_async(address, array, self._stream)

    def to_host(self, array: np.ndarray, address: int) -> None:
        self._driver.memcpy_dtoh_async(array, address, self._stream)

    def kernels(
        self, source: str, options: Sequence[str], names: Mapping[str, int]
    ) -> dict[str, Kernel]:
        try:
            from pycuda.compiler import SourceModule

            # Not kept: pycuda writes what it keeps in place, and believes half a file for ever.
            module = SourceModule(source, options=list(options), no_extern_c=True, cache_dir=False)
            return {name: self._kernel(module, name, count) for name, count in names.items()}
        # pycuda raises what nvcc, the driver and the file system raise.
        except Exception as error:
            said = ' '.join(str(error).split())
            raise EngineError(
                f'kernels cannot be compiled (is nvcc there?): {said:.300}'
            ) from error

    def _kernel(self, module: Any, name: str, count: int) -> Kernel:
        function = module.get_function(name)
        function.prepare('P' * count)
        self._held.append(module)

        def queue(grid: Shape, block: Shape, addresses: Sequence[int]) -> None:
            function.prepared_async_call(grid, block, self._stream, *addresses)

        return queue

    def synchronize(self) -> None:
        self._stream.synchronize()

    def captured(self, queue: Callable[[], None]) -> Callable[[], None]:
        # pycuda has no calls for it: the driver's own, on pycuda's stream.
        stream = ctypes.c_void_p(self.stream)
        graph, launchable = ctypes.c_void_p(), ctypes.c_void_p()
        self._call('cuStreamBeginCapture_v2', stream, _RELAXED)
        try:
            queue()
        finally:
            # Ended in any case: a stream that is being captured does nothing else.
            ended = self._library.cuStreamEndCapture(stream, ctypes.byref(graph))
        if ended != 0:
            raise EngineError(f'cuStreamEndCapture: CUDA error {ended}')
        self._call(
            'cuGraphInstantiateWithFlags', ctypes.byref(launchable), graph, ctypes.c_ulonglong(0)
        )
        self._call('cuGraphDestroy', graph)
        return lambda: self._call('cuGraphLaunch', launchable, stream)

    def _call(self, name: str, *arguments: Any) -> None:
        number = getattr(self._library, name)(*arguments)
        if number != 0:
            raise EngineError(f'{name}: CUDA error {number}')


def _pages(arrays: Iterable[np.ndarray]) -> Iterator[tuple[int, int]]:
    """The memory of arrays as whole pages, from and to: those of one block together, for no page
    can be locked twice.
    """
    page = mmap.PAGESIZE
    spans = sorted(
        (array.ctypes.data // page * page, -(-(array.ctypes.data + array.nbytes) // page) * page)
        for array in arrays
    )
    while spans:
        begin, end = spans.pop(0)
        while spans and spans[0][0] <= end:
            end = max(end, spans.pop(0)[1])
        yield begin, end
