"""What is asked of CUDA, with a pycuda and a driver that only listen."""

from __future__ import annotations

import ctypes
import itertools
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import EngineError
from prediction_node.inference.tensorrt_engine import cuda
from prediction_node.inference.tensorrt_engine.cuda import Cuda

PAGE = cuda.mmap.PAGESIZE


class Library:
    """libcuda: notes its calls and fails where it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.errors: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append((name, arguments))
            return self.errors.get(name, 0)

        return call


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """A pycuda whose streams and memory are numbers."""
    found = Library()
    driver, compiler, package = (
        ModuleType(name) for name in ('pycuda.driver', 'pycuda.compiler', 'pycuda')
    )

    class Stream:
        handle = 5

    def mem_alloc(size: int) -> int:
        if size > 1000:
            raise MemoryError('cuMemAlloc failed: out of memory')
        return 64

    class Function:
        def prepare(self, kinds: str) -> None:
            found.calls.append(('prepare', (kinds,)))

        def prepared_async_call(self, *arguments: Any) -> None:
            found.calls.append(('launch', arguments))

    class SourceModule:
        def __init__(self, source: str, **options: Any) -> None:
            if 'broken' in source:
                raise RuntimeError('nvcc: error, line 1')
            found.calls.append(('compile', (source, options)))

        def get_function(self, name: str) -> Function:
            return Function()

    driver.__dict__.update(
        init=lambda: None,
        Device=lambda number: type('Device', (), {'make_context': lambda self: number})(),
        Stream=Stream,
        mem_alloc=mem_alloc,
    )
    compiler.__dict__['SourceModule'] = SourceModule
    package.__dict__.update(driver=driver, compiler=compiler)
    for module in (package, driver, compiler):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: found)
    return found


def test_arrays_of_one_block_are_locked_once(library: Library) -> None:
    """They share pages, and no page can be locked twice."""
    block = np.zeros(5 * PAGE, np.uint8)
    far = np.zeros(1000 * PAGE, np.uint8)
    arrays = [block[k : k + 100] for k in (0, 150, PAGE, 3 * PAGE - 50)] + [far[500 * PAGE :]]
    Cuda().pin(arrays)
    spans = []
    for name, (begin, size, flags) in library.calls:
        assert (name, flags.value) == ('cuMemHostRegister_v2', 0)
        assert begin.value % PAGE == size.value % PAGE == 0
        spans.append((begin.value, begin.value + size.value))
    for one, other in itertools.pairwise(spans):
        assert one[1] < other[0]
    for array in arrays:
        begin = array.ctypes.data
        assert any(low <= begin and begin + array.nbytes <= high for low, high in spans)


def test_what_the_device_refuses_is_said(library: Library) -> None:
    gpu = Cuda()
    assert gpu.allocate(10) == 64
    with pytest.raises(EngineError, match=r'2000 bytes on the GPU: .* out of memory'):
        gpu.allocate(2000)
    library.errors['cuMemHostRegister_v2'] = 712
    with pytest.raises(EngineError, match='cuMemHostRegister_v2: CUDA error 712'):
        gpu.pin([np.zeros(3)])


def test_kernels_are_compiled_and_queued_on_the_stream(library: Library) -> None:
    gpu = Cuda()
    kernel = gpu.kernels('good', ['-DA=1'], {'paint': 3})['paint']
    options = {'options': ['-DA=1'], 'no_extern_c': True, 'cache_dir': False}
    assert library.calls == [('compile', ('good', options)), ('prepare', ('PPP',))]
    kernel((1, 2, 3), (4, 5, 6), (7, 8, 9))
    name, (grid, block, stream, *addresses) = library.calls[-1]
    assert (name, grid, block, addresses) == ('launch', (1, 2, 3), (4, 5, 6), [7, 8, 9])
    assert stream.handle == gpu.stream == 5
    with pytest.raises(EngineError, match='nvcc: error, line 1'):
        gpu.kernels('broken', [], {})


def test_what_is_captured_is_launched_again_and_a_capture_always_ends(library: Library) -> None:
    gpu = Cuda()
    queued: list[int] = []
    launch = gpu.captured(lambda: queued.append(1))
    launch()
    launch()
    names = [name for name, _ in library.calls]
    assert names.count('cuGraphLaunch') == 2
    assert names[0] == 'cuStreamBeginCapture_v2'
    assert queued == [1]

    def fail() -> None:
        raise EngineError('refused')

    library.calls.clear()
    with pytest.raises(EngineError, match='refused'):
        gpu.captured(fail)
    assert library.calls[-1][0] == 'cuStreamEndCapture'
