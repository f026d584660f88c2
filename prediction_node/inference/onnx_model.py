"""A network in ONNX Runtime, on processor or GPU: the engine of vehicles without TensorRT."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import onnxruntime

from prediction_node.domain.model_folder import (
    DECODER,
    ENCODER,
    ENCODER_CPU,
    UNPLANNED,
    ModelError,
    ModelFolder,
)
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    OUTPUTS,
    Arrays,
    Sizes,
    check_arrays,
    encoder_inputs,
)

THREADS = 2
CPU, CUDA = 'cpu', 'cuda'
PROVIDER = {CPU: 'CPUExecutionProvider', CUDA: 'CUDAExecutionProvider'}
# Full precision means 32 bits: products in TF32 have ten bits of fraction.
_PROVIDER_OPTIONS = {CPU: {}, CUDA: {'use_tf32': '0'}}
# ONNX Runtime (1.32) drops a Relu before its output is rounded to fp8: it takes the zero point for
# the lowest number, which it is for uint8.
_WRONG_OPTIMIZERS = ['ReluQuantRewrite']


class OnnxModel:
    """Implements inference.model.Model. Calls from several threads must not overlap.

    The numbers of agents and map nodes are those of the arrays that it is given: a model of other
    sizes (`sized`) costs nothing, and keeps the caches of the processor warm.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        agents: int | None = None,
        map_nodes: int | None = None,
        threads: int = THREADS,
        plan_threads: int | None = None,
        device: str = CPU,
    ) -> None:
        """`agents` and `map_nodes`: other sizes than the model was trained with. `plan_threads`:
        for plans, which come many at once; None: `threads`. `device`: CPU or CUDA; what the
        encoder makes stays there for the decoder. Raises ModelError.
        """
        options = _options(threads)
        self._device = device
        whole = device == CPU and ENCODER_CPU in folder.files
        self._encoder = _open(folder, ENCODER_CPU if whole else ENCODER, options, device)
        self._decoder = _open(folder, DECODER, _options(plan_threads or threads), device)
        self._unplanned = (
            _open(folder, UNPLANNED, options, device) if UNPLANNED in folder.files else None
        )
        self._names = folder.encoded
        self._path = folder.path
        self._reads_plan = 'plan' in {each.name for each in self._decoder.get_inputs()}
        self._resize(folder.sizes, agents, map_nodes)

    @property
    def memory(self) -> object:
        """What models of other sizes share with this one: the largest makes it warm for all."""
        return self._encoder

    def sized(self, agents: int, map_nodes: int) -> OnnxModel:
        """The same network, and the same memory, for other sizes."""
        other = copy.copy(self)
        other._resize(self.sizes, agents, map_nodes)
        return other

    def _resize(self, sizes: Sizes, agents: int | None, map_nodes: int | None) -> None:
        nodes = sizes.map_nodes if map_nodes is None or not sizes.map_nodes else map_nodes
        self.sizes: Sizes = dataclasses.replace(
            sizes, agents=sizes.agents if agents is None else agents, map_nodes=nodes
        )
        inputs = encoder_inputs(self.sizes)
        asked = [each.name for each in self._encoder.get_inputs()]
        unknown = sorted(set(asked) - set(inputs))
        if unknown:
            raise ModelError(f'{self._path / ENCODER}: input {unknown[0]} is not in the contract')
        self._inputs = {name: inputs[name] for name in asked}

    def encode(self, arrays: Arrays) -> tuple[Any, ...]:
        """What the encoder makes of a scene, in its own memory."""
        check_arrays(arrays, self._inputs, self.sizes)
        binding = self._encoder.io_binding()
        for name in self._inputs:
            binding.bind_cpu_input(name, np.ascontiguousarray(arrays[name]))
        for name in self._names:
            binding.bind_output(name, self._device)
        self._encoder.run_with_iobinding(binding)
        if self._device != CPU:
            binding.synchronize_outputs()  # the decoder has a stream of its own
        return tuple(binding.get_outputs())

    def decode(
        self, encoded: tuple[Any, ...], plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        """OUTPUTS for (C, K, 5), (C, K); a network that reads no plan answers once (C = 1)."""
        decoder, given = self._decoder, dict(zip(self._names, encoded, strict=True))
        asked: dict[str, np.ndarray] = {}
        if self._reads_plan:
            asked = {'plan': plan, 'plan_valid': plan_valid}
            sizes = dataclasses.replace(self.sizes, candidates=len(plan))
            check_arrays(asked, DECODER_INPUTS, sizes)
            if self._unplanned is not None and len(plan) == 1 and not plan_valid.any():
                decoder, asked = self._unplanned, {}
        binding = decoder.io_binding()
        for each in decoder.get_inputs():
            if each.name in asked:
                binding.bind_cpu_input(each.name, np.ascontiguousarray(asked[each.name]))
            else:
                binding.bind_ortvalue_input(each.name, given[each.name])
        for name in OUTPUTS:
            binding.bind_output(name)
        decoder.run_with_iobinding(binding)
        return dict(zip(OUTPUTS, (value.numpy() for value in binding.get_outputs()), strict=True))


def open_bytes(data: bytes) -> Any:
    """A session of ONNX Runtime for a file in memory, on the processor: to look into, not to drive
    with. Raises what ONNX Runtime does.
    """
    return onnxruntime.InferenceSession(
        data,
        _options(THREADS),
        providers=[PROVIDER[CPU]],
        disabled_optimizers=_WRONG_OPTIMIZERS,
    )


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    # No thread waits for work awake: the cores are those of sensors and planner too, and whoever
    # is kept from one keeps all that wait for it.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return options


def _open(folder: ModelFolder, name: str, options: Any, device: str) -> Any:
    path, provider = folder.file(name), PROVIDER[device]
    there = onnxruntime.get_available_providers()
    if provider not in there:
        raise ModelError(
            f'ONNX Runtime {onnxruntime.__version__} has no {provider} here, only '
            f'{", ".join(there)}: install onnxruntime-gpu in its place, or choose the device cpu'
        )
    try:
        session = onnxruntime.InferenceSession(
            str(path),
            options,
            providers=[(provider, _PROVIDER_OPTIONS[device])],
            disabled_optimizers=_WRONG_OPTIMIZERS,
        )
    # ONNX Runtime raises classes of its own for every kind of bad file, all of this one.
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ModelError(f'{path}: ONNX Runtime refuses it: {reason:.300}') from error
    # Where CUDA or cuDNN do not load it takes the processor, and says so in its log alone.
    if session.get_providers()[0] != provider:
        raise ModelError(
            f'{provider} of ONNX Runtime does not start here: is there a GPU, and CUDA and cuDNN '
            'in the releases that it asks for?'
        )
    return session
