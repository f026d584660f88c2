"""From the exported ONNX to engines: typed, with pinned shapes and a profile for the plans."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import DECODER, ENCODER, ModelFolder
from prediction_node.domain.tensors import DECODER_INPUTS, OUTPUTS, encoder_inputs
from prediction_node.inference.tensorrt_engine.device import NO_DEVICE, Device
from prediction_node.inference.tensorrt_engine.flavour import Flavour, last_words
from prediction_node.inference.tensorrt_engine.request import EIGHT_BITS, Request, quantised_as

WORKSPACE_BYTES = 1 << 30
THREADS = 2
CANDIDATES = 'candidates'
_FP8_FROM = (8, 9)  # compute capability

# Tells how far a build is: what it does, and which share of it is done.
Watcher = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Built:
    """Engines of both halves, ready to be kept."""

    encoder: bytes
    decoder: bytes
    report: dict[str, Any]  # by half: seconds, bytes, SHA-256, tensors, layers
    timing_cache: bytes  # empty where the flavour measures nothing


def check_possible(
    flavour: Flavour, precision: str, folder: ModelFolder, device: Device = NO_DEVICE
) -> None:
    """Raises EngineError for a precision that no engine of this flavour, model and GPU can have."""
    has = quantised_as(folder)
    if precision == 'int8' and flavour.is_rtx:
        raise EngineError(
            'TensorRT for RTX does not run int8 networks: ask for fp16 or fp32, or use the full '
            'TensorRT'
        )
    if precision in EIGHT_BITS and not has:
        raise EngineError(
            f'{folder.path}: {precision} needs a model with quantise and dequantise nodes, which '
            f'this one has not: `python -m prediction_node quantise --precision {precision}` makes '
            'one, or ask for fp16 or fp32'
        )
    if has and precision != has:
        raise EngineError(f'{folder.path} is in {has}: for {precision} build the model it is from')
    if precision == 'fp8' and device.present and _number(device.compute_capability) < _FP8_FROM:
        raise EngineError(
            f'fp8 needs a GPU of compute capability {".".join(map(str, _FP8_FROM))} or later, and '
            f'{device.name} has {device.compute_capability}: build the model that it is from'
        )


def _number(compute_capability: str) -> tuple[int, ...]:
    return tuple(int(part) for part in compute_capability.split('.'))


def build(
    flavour: Flavour,
    folder: ModelFolder,
    request: Request,
    *,
    watcher: Watcher | None = None,
    timing_cache: bytes = b'',
    threads: int = THREADS,
) -> Built:
    """Engines of a model. Takes seconds with TensorRT for RTX, minutes with the full TensorRT.

    Raises EngineError naming the file and what the library says of it; ModelError for a damaged
    model.
    """
    check_possible(flavour, request.precision, folder)
    plans: dict[str, bytes] = {}
    report: dict[str, Any] = {}
    for half, file in (('encoder', ENCODER), ('decoder', DECODER)):
        begin = time.perf_counter()
        builder = _Builder(flavour, folder, request, file, threads)
        builder.parse()
        builder.check_contract(half)
        plans[half], timing_cache = builder.build(watcher, timing_cache)
        report[half] = {
            'seconds': round(time.perf_counter() - begin, 3),
            'bytes': len(plans[half]),
            'sha256': hashlib.sha256(plans[half]).hexdigest(),
            **builder.describe(),
        }
    return Built(plans['encoder'], plans['decoder'], report, timing_cache)


def typed_onnx(folder: ModelFolder, file: str, precision: str) -> bytes:
    """The file as it is (fp32, and 8 bits of a quantised one), or typed for half precision."""
    path = folder.file(file)
    data = path.read_bytes()
    if precision != 'fp16':
        return data
    try:
        import onnx

        from prediction_node.inference.tensorrt_engine.half import to_half
    except ImportError as error:
        raise EngineError(f'fp16 needs the library onnx: {error}') from error
    try:
        made: bytes = to_half(onnx.load_from_string(data)).SerializeToString()
    except ValueError as error:
        raise EngineError(f'{path}: {error}') from error
    return made


class _Builder:
    """One half on its way."""

    def __init__(
        self, flavour: Flavour, folder: ModelFolder, request: Request, file: str, threads: int
    ) -> None:
        api = flavour.api
        self._flavour, self._api = flavour, api
        self._folder, self._request = folder, request
        self._path = folder.path / file
        self._file = file
        self._sizes = request.sizes(folder)
        logger, self._said = flavour.logger()
        try:
            self._builder = api.Builder(logger)
        # The full TensorRT without a GPU, and whatever else its bindings raise.
        except Exception as error:
            raise EngineError(f'{flavour.name} cannot build here: {error}') from error
        self._builder.max_threads = threads
        flag = getattr(api.NetworkDefinitionCreationFlag, 'STRONGLY_TYPED', None)
        # From TensorRT 11 on there is no other kind.
        self._network = self._builder.create_network(0 if flag is None else 1 << int(flag))
        self._parser = api.OnnxParser(self._network, logger)

    def parse(self) -> None:
        """Every operator known, every length pinned but the number of plans."""
        data = typed_onnx(self._folder, self._file, self._request.precision)
        if not self._parser.parse(data):
            errors = [str(self._parser.get_error(i)) for i in range(self._parser.num_errors)]
            raise EngineError(
                f'{self._path}: {self._flavour.name} refuses it: {last_words(errors)}'
            )
        lengths = {
            'agents': self._sizes.agents,
            'agents + 1': self._sizes.agents + 1,
            'map_nodes': self._sizes.map_nodes,
        }
        for tensor in self._inputs():
            shape = list(tensor.shape)
            for axis, length in enumerate(shape):
                name = tensor.get_dimension_name(axis)
                if length < 0 and name in lengths:
                    shape[axis] = lengths[name]
                elif length < 0 and name != CANDIDATES:
                    raise EngineError(f'{self._path}: axis {name} of {tensor.name} is not known')
            tensor.shape = shape

    def check_contract(self, half: str) -> None:
        """Raises EngineError for the first tensor that is not as the contract has it."""
        encoder = encoder_inputs(self._sizes)
        free = self._folder.with_sizes(
            agents=self._sizes.agents, map_nodes=self._sizes.map_nodes, candidates=-1
        )
        inputs: dict[str, tuple[str, tuple[int, ...] | None]]
        outputs: dict[str, tuple[str, tuple[int, ...] | None]]
        if half == 'encoder':
            inputs = {name: (t.dtype, t.shape(free)) for name, t in encoder.items()}
            outputs = dict.fromkeys(self._folder.encoded, ('float32', None))
        else:
            inputs = dict.fromkeys(self._folder.encoded, ('float32', None))
            inputs |= {name: (t.dtype, t.shape(free)) for name, t in DECODER_INPUTS.items()}
            outputs = {name: (t.dtype, t.shape(free)) for name, t in OUTPUTS.items()}
        for kind, there, expected in (
            ('input', self._inputs(), inputs),
            ('output', self._outputs(), outputs),
        ):
            for tensor in there:
                if tensor.name not in expected:
                    raise EngineError(f'{self._path}: {kind} {tensor.name} is not in the contract')
                dtype, shape = expected[tensor.name]
                found = np.dtype(self._api.nptype(tensor.dtype)).name
                if found != dtype or (shape is not None and tuple(tensor.shape) != shape):
                    raise EngineError(
                        f'{self._path}: {kind} {tensor.name} must be {dtype} {shape}, got {found} '
                        f'{tuple(tensor.shape)}'
                    )
        missing = sorted(set(outputs) - {tensor.name for tensor in self._outputs()})
        if missing:
            raise EngineError(f'{self._path}: output {missing[0]} is missing')

    def build(self, watcher: Watcher | None, timing_cache: bytes) -> tuple[bytes, bytes]:
        """The engine and what was measured for it."""
        api, builder = self._api, self._builder
        config = builder.create_builder_config()
        config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
        profile = builder.create_optimization_profile()
        most = self._request.candidates
        free = False
        for tensor in self._inputs():
            if -1 in tuple(tensor.shape):
                free = True
                shapes = [
                    [count if length < 0 else length for length in tensor.shape]
                    for count in (1, most, most)
                ]
                profile.set_shape(tensor.name, *shapes)
        if free and config.add_optimization_profile(profile) < 0:
            raise EngineError(f'{self._path}: the profile of 1 to {most} plans is refused')
        if self._flavour.times_on_gpu:
            config.set_timing_cache(config.create_timing_cache(timing_cache), False)
        if watcher is not None:
            config.progress_monitor = _monitor(api, self._path.stem, watcher)
        plan = builder.build_serialized_network(self._network, config)
        if plan is None:
            raise EngineError(
                f'{self._path}: {self._flavour.name} builds no engine: {last_words(self._said)}'
            )
        if self._flavour.times_on_gpu:
            timing_cache = bytes(config.get_timing_cache().serialize())
        return bytes(plan), timing_cache

    def describe(self) -> dict[str, Any]:
        """Tensors and layers of the network, before the library fuses them."""
        layers = []
        types: Counter[str] = Counter()
        for i in range(self._network.num_layers):
            layer = self._network.get_layer(i)
            kind = str(layer.type).rpartition('.')[2].lower()
            made = [layer.get_output(k) for k in range(layer.num_outputs)]
            found = [str(t.dtype).rpartition('.')[2].lower() for t in made if t is not None]
            types[f'{kind} {found[0] if found else ""}'.strip()] += 1
            layers.append({'name': layer.name, 'type': kind, 'makes': found})
        tensors = {
            tensor.name: {
                'type': np.dtype(self._api.nptype(tensor.dtype)).name,
                'shape': list(tensor.shape),
            }
            for tensor in (*self._inputs(), *self._outputs())
        }
        return {'tensors': tensors, 'types': dict(types.most_common()), 'layers': layers}

    def _inputs(self) -> list[Any]:
        return [self._network.get_input(i) for i in range(self._network.num_inputs)]

    def _outputs(self) -> list[Any]:
        return [self._network.get_output(i) for i in range(self._network.num_outputs)]


def _monitor(api: Any, half: str, watcher: Watcher) -> Any:
    """Passes on how far the outermost phases are."""

    class Monitor(api.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            api.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self._steps[phase] = max(steps, 1)
                watcher(f'{half}: {phase}', 0.0)

        def step_complete(self, phase: str, step: int) -> bool:
            if phase in self._steps:
                watcher(f'{half}: {phase}', min((step + 1) / self._steps[phase], 1.0))
            return True

        def phase_finish(self, phase: str) -> None:
            if self._steps.pop(phase, None) is not None:
                watcher(f'{half}: {phase}', 1.0)

    return Monitor()


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without its layers, for the terminal."""
    return {
        half: {name: value for name, value in found.items() if name not in ('layers', 'tensors')}
        for half, found in report.items()
    }
