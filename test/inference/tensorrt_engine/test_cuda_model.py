"""Everything of the execution but CUDA itself: on a GPU that is numpy, with engines that are ONNX
Runtime. The real ones run where there are some.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from prediction_node.benchmark.inference import plan_arrays, scene_arrays
from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import DECODER, ENCODER, ModelFolder
from prediction_node.domain.sketch import NO_CHANGES, TILE_TYPE, TILES, filled_tiles, sketch_type
from prediction_node.domain.tensors import DECODER_INPUTS, OUTPUTS, RASTERS, encoder_inputs
from prediction_node.inference.onnx_model import OnnxModel
from prediction_node.inference.tensorrt_engine.cuda import Cuda
from prediction_node.inference.tensorrt_engine.cuda_model import CudaModel
from prediction_node.inference.tensorrt_engine.device import find_device
from prediction_node.inference.tensorrt_engine.flavour import FULL, RTX, Flavour
from prediction_node.inference.tensorrt_engine.opening import check_parity
from prediction_node.inference.tensorrt_engine.parity import StoredDrawing, StoredScene
from prediction_node.raster import Raster, Rasterizer, SceneDrawing
from prediction_node.stored_scenes import sample_scenes

AGENTS, NODES, CANDIDATES = 5, 7, 3


class NumpyGpu:
    """Implements cuda.Gpu on the processor: queues are worked off at once. It compiles nothing."""

    stream = 77

    def __init__(self) -> None:
        self.memory: dict[int, np.ndarray] = {}
        self.pinned: list[int] = []
        self.launched = 0
        self.ready = False

    def allocate(self, size: int) -> int:
        assert not self.ready, 'allocated in a cycle'
        memory = np.zeros(size, np.uint8)
        self.memory[memory.ctypes.data] = memory
        return memory.ctypes.data

    def pin(self, arrays: Iterable[np.ndarray]) -> None:
        self.pinned += [array.ctypes.data for array in arrays]

    def to_device(self, address: int, array: np.ndarray) -> None:
        assert array.ctypes.data in self.pinned
        data = np.frombuffer(array.tobytes(), np.uint8)
        self.memory[address][: len(data)] = data

    def to_host(self, array: np.ndarray, address: int) -> None:
        assert array.ctypes.data in self.pinned
        data = self.memory[address][: array.nbytes].tobytes()
        array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)

    def kernels(self, source: str, options: Any, names: Any) -> dict[str, Callable[..., None]]:
        raise EngineError('no nvcc here')

    def synchronize(self) -> None:
        pass

    def captured(self, queue: Callable[[], None]) -> Callable[[], None]:
        def launch() -> None:
            self.launched += 1
            queue()

        return launch


class Context:
    """One engine's execution."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._address: dict[str, int] = {}
        self._shape: dict[str, tuple[int, ...]] = {}

    def set_tensor_address(self, name: str, address: int) -> None:
        self._address[name] = address

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shape[name] = shape
        return shape[0] <= CANDIDATES

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == NumpyGpu.stream
        memory = self._engine.gpu.memory
        given = {}
        for name, (shape, dtype) in self._engine.inputs.items():
            shape = self._shape.get(name, shape)
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            given[name] = memory[self._address[name]][:size].view(dtype).reshape(shape)
        found = self._engine.session.run(list(self._engine.outputs), given)
        for name, value in zip(self._engine.outputs, found, strict=True):
            data = np.frombuffer(value.tobytes(), np.uint8)
            memory[self._address[name]][: len(data)] = data
        return True


class Engine:
    """ONNX Runtime behind the calls of an engine; a plan is an ONNX file."""

    def __init__(self, gpu: NumpyGpu, plan: bytes) -> None:
        self.gpu = gpu
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(plan, options)
        self.inputs = {x.name: (_shape(x.shape), _dtype(x.type)) for x in self.session.get_inputs()}
        self.outputs = {
            x.name: (_shape(x.shape), _dtype(x.type)) for x in self.session.get_outputs()
        }
        self.num_io_tensors = len(self.inputs) + len(self.outputs)

    def get_tensor_name(self, i: int) -> str:
        return [*self.inputs, *self.outputs][i]

    def get_tensor_mode(self, name: str) -> str:
        return 'in' if name in self.inputs else 'out'

    def get_tensor_dtype(self, name: str) -> str:
        return (self.inputs | self.outputs)[name][1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.inputs | self.outputs)[name][0]

    def create_runtime_config(self) -> Any:
        compiled = SimpleNamespace(deserialize=lambda data: None, serialize=lambda: b'compiled')
        return SimpleNamespace(
            create_runtime_cache=lambda: compiled, set_runtime_cache=lambda cache: None
        )

    def create_execution_context(self, config: Any = None) -> Context:
        return Context(self)


def _shape(shape: list[Any]) -> tuple[int, ...]:
    known = {'agents': AGENTS, 'agents + 1': AGENTS + 1, 'map_nodes': NODES, 'candidates': -1}
    return tuple(known[n] if isinstance(n, str) else n for n in shape)


def _dtype(kind: str) -> str:
    return {'tensor(float)': 'float32', 'tensor(uint8)': 'uint8'}[kind]


def stand_in(gpu: NumpyGpu, name: str) -> Flavour:
    """TensorRT as far as running an engine needs it."""

    class Logger:
        WARNING = 2

    def deserialize(plan: bytes) -> Engine | None:
        return Engine(gpu, plan) if plan else None

    api = SimpleNamespace(
        ILogger=Logger,
        Runtime=lambda logger: SimpleNamespace(deserialize_cuda_engine=deserialize),
        TensorIOMode=SimpleNamespace(OUTPUT='out'),
        CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
        nptype=np.dtype,
    )
    return Flavour(name, '10.0', api)


@pytest.fixture
def reference(shipped: ModelFolder) -> OnnxModel:
    return OnnxModel(shipped, agents=AGENTS, map_nodes=NODES, threads=1)


def make(
    shipped: ModelFolder, name: str, gpu: NumpyGpu | None = None, **more: np.ndarray
) -> tuple[CudaModel, NumpyGpu]:
    """`more`: arrays beside those of the contract."""
    sizes = shipped.with_sizes(agents=AGENTS, map_nodes=NODES, candidates=CANDIDATES)
    tensors = {**encoder_inputs(sizes), **DECODER_INPUTS, **OUTPUTS}
    host = {each: np.zeros(t.shape(sizes), t.dtype) for each, t in tensors.items()} | more
    plans = {
        'encoder': shipped.file(ENCODER).read_bytes(),
        'decoder': shipped.file(DECODER).read_bytes(),
    }
    gpu = gpu or NumpyGpu()
    model = CudaModel(gpu, stand_in(gpu, name), plans, sizes, host, b'earlier')
    model.warm_up()
    gpu.ready = True
    return model, gpu


@pytest.mark.parametrize('name', [FULL, RTX])
def test_both_flavours_answer_like_onnx_runtime(
    shipped: ModelFolder, reference: OnnxModel, name: str
) -> None:
    """For every number of plans, scene after scene; nothing is allocated on the way."""
    model, gpu = make(shipped, name)
    for seed, count in ((0, 1), (1, 3), (2, 2), (3, 1)):
        arrays = scene_arrays(reference.sizes, seed)
        plans = plan_arrays(reference.sizes, count, seed)
        expected = reference.decode(reference.encode(arrays), *plans)
        found = model.decode(model.encode(arrays), *plans)
        for output in OUTPUTS:
            np.testing.assert_allclose(found[output], expected[output], rtol=0, atol=1e-3)
    # The full TensorRT's work is recorded here, that for RTX records its own.
    assert gpu.launched == (8 if name == FULL else 0)
    assert model.runtime_cache() == (b'' if name == FULL else b'compiled')


@pytest.mark.parametrize('name', [FULL, RTX])
def test_rasters_drawn_there_answer_like_rasters_copied_there(
    shipped: ModelFolder, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    host_kernels = importlib.import_module('host_kernels')
    if host_kernels.compiler() is None:
        pytest.skip('needs a C++ compiler')
    sizes = shipped.with_sizes(agents=AGENTS, map_nodes=NODES, candidates=CANDIDATES)
    compiled = host_kernels.Kernels(host_kernels.build(sizes, tmp_path))

    class Drawing(NumpyGpu):
        kernels = staticmethod(compiled.queueable)

    more = {'sketch': np.zeros(1, sketch_type(AGENTS)), 'tiles': np.zeros(TILES, TILE_TYPE)}
    model, gpu = make(shipped, name, Drawing(), **more)
    assert model.cannot_draw == ''
    rasterizer, told = Rasterizer(), NO_CHANGES
    for scene in sample_scenes('city', 2, every_cycles=40):
        cut = scene.select(np.arange(AGENTS))
        drawing = SceneDrawing(rasterizer, rasterizer.sketch(cut), Raster.blank())
        changed, told = drawing.changed_tiles(told)
        for count in filled_tiles(drawing, changed, more['tiles']):
            model.take_tiles(count)
        assert drawing.write(more['sketch'])
        arrays = scene_arrays(model.sizes) | dict(zip(RASTERS, drawing.rasters(), strict=True))
        plans = plan_arrays(model.sizes, 2)
        answer = model.decode(model.encode(arrays), *plans)
        copied = {output: value.copy() for output, value in answer.items()}
        for raster in RASTERS:
            model._host[raster][...] = 0
        drawn = model.decode(model.draw(arrays), *plans)
        for output in OUTPUTS:
            np.testing.assert_array_equal(drawn[output], copied[output])
        stored = StoredDrawing.from_bytes(StoredDrawing.of(drawing, AGENTS).to_bytes(), AGENTS)
        model.check_drawing(stored)
        assert model.cannot_draw == ''
    assert gpu.launched == (10 if name == FULL else 0)
    # Of somebody who is left out in the wide picture a few bytes are missing.
    near, far = stored.rasters
    few = far.copy()
    few[80, 80, :4] += 2
    model.check_drawing(dataclasses.replace(stored, rasters=(near, few)))
    assert '4 bytes of raster_far come out otherwise, up to 2 counts' in model.cannot_draw
    with pytest.raises(EngineError, match='stored drawing cannot be read'):
        StoredDrawing.from_bytes(b'no drawing', AGENTS)


def test_without_a_compiler_it_says_why_it_draws_nothing(shipped: ModelFolder) -> None:
    more = {'sketch': np.zeros(1, sketch_type(AGENTS)), 'tiles': np.zeros(TILES, TILE_TYPE)}
    model, _ = make(shipped, FULL, **more)
    assert model.cannot_draw == 'no nvcc here'
    model, _ = make(shipped, FULL)
    assert model.cannot_draw == 'no sketches come'


def test_one_scene_answers_again_and_again(shipped: ModelFolder, reference: OnnxModel) -> None:
    model, _ = make(shipped, FULL)
    encoded = model.encode(scene_arrays(reference.sizes))
    plans = plan_arrays(reference.sizes, 3)
    first = {name: value.copy() for name, value in model.decode(encoded, *plans).items()}
    model.decode(encoded, *plan_arrays(reference.sizes, 1))
    for name, value in model.decode(encoded, *plans).items():
        np.testing.assert_array_equal(value, first[name])


def test_an_engine_that_answers_otherwise_is_refused(
    shipped: ModelFolder, reference: OnnxModel
) -> None:
    model, _ = make(shipped, FULL)
    scene = StoredScene.of(
        reference, scene_arrays(reference.sizes), *plan_arrays(reference.sizes, 3)
    )
    check_parity(model, scene.to_bytes(), 'fp32')
    moved = {name: value + 0.02 for name, value in scene.expected.items()}
    other = dataclasses.replace(scene, expected=moved)
    check_parity(model, other.to_bytes(), 'fp16')
    with pytest.raises(EngineError, match=r'within 0\.01 m .* got 0\.02[789] m'):
        check_parity(model, other.to_bytes(), 'fp32')
    # In 8 bits single futures may be metres away, if most are not.
    far = {name: value.copy() for name, value in scene.expected.items()}
    far['mean'][:, :2] += 3.0
    for precision in ('int8', 'fp8'):
        check_parity(model, dataclasses.replace(scene, expected=far).to_bytes(), precision)
    far['mean'] += 0.3
    with pytest.raises(EngineError, match=r'within 0\.25 m .* got 0\.424 m'):
        check_parity(model, dataclasses.replace(scene, expected=far).to_bytes(), 'int8')
    nothing = {name: value * np.nan for name, value in scene.expected.items()}
    with pytest.raises(EngineError, match='within'):
        check_parity(model, dataclasses.replace(scene, expected=nothing).to_bytes(), 'fp16')
    with pytest.raises(EngineError, match='stored scene cannot be read'):
        check_parity(model, b'no scene', 'fp16')


def test_a_plan_that_is_refused_is_named(shipped: ModelFolder) -> None:
    gpu = NumpyGpu()
    sizes = shipped.with_sizes(agents=AGENTS, map_nodes=NODES, candidates=CANDIDATES)
    with pytest.raises(EngineError, match='tensorrt refuses the kept encoder'):
        CudaModel(gpu, stand_in(gpu, FULL), {'encoder': b''}, sizes, {})


def test_without_pycuda_the_reason_is_said() -> None:
    if importlib.util.find_spec('pycuda') is not None:
        pytest.skip('pycuda is installed')
    with pytest.raises(EngineError, match='needs pycuda, compiled against the CUDA'):
        Cuda()


def test_the_kept_engine_runs_on_the_gpu(shipped: ModelFolder, tmp_path: Any) -> None:
    """Built here, opened in its own process, compared on its stored scene."""
    if not find_device().present:
        pytest.skip('needs an NVIDIA GPU')
    pytest.importorskip('pycuda.driver', reason='needs pycuda')
    from prediction_node.cli import main
    from prediction_node.inference.engine_process import EngineProcess
    from prediction_node.inference.tensorrt_engine.cache import cache_folder
    from prediction_node.inference.tensorrt_engine.opening import Wanted, open_engine
    from prediction_node.inference.tensorrt_engine.request import Request

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path))
        assert main(['prepare-engine']) == 0
        wanted = Wanted(shipped.path, Request(), cache_folder())
    sizes = shipped.with_sizes(agents=64, map_nodes=192, candidates=16)
    process = EngineProcess(sizes, open_engine, wanted, deadline_s=5.0)
    process.start()
    reference = OnnxModel(shipped)
    arrays, plans = scene_arrays(reference.sizes), plan_arrays(reference.sizes, 16)
    expected = StoredScene.of(reference, arrays, *plans)
    assert expected.difference_m(process) < 0.05
    process.close()
