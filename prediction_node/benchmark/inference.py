"""The network alone: one scene encoded, then answered without a plan or for candidate plans."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.progress import track

from prediction_node.benchmark.gpu import gpu_figures
from prediction_node.benchmark.raster import example_drawing
from prediction_node.domain.errors import EngineError, PredictionNodeError
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.domain.sketch import DrawnArrays
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    MAP_RELATIONS,
    RASTERS,
    STATE_NAMES,
    Arrays,
    Sizes,
    encoder_inputs,
)
from prediction_node.inference.model import Model
from prediction_node.predictor import find_model, map_nodes
from prediction_node.raster import SceneDrawing

# A benchmark tells how late an answer is, and does not give it up as the node would.
_DEADLINE_S = 5.0
CYCLES, WARM_UP_CYCLES = 300, 20


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures under the key `inference`."""
    folder = ModelFolder.read(find_model(args.model))
    begin = time.perf_counter()
    model = open_model(args.engine, folder, args.agents, args.threads, args.candidates)
    opened_s = time.perf_counter() - begin
    figures = measure(model, args.candidates) | gpu_figures(args.engine)
    close_model(model)
    return {
        'inference': {
            'engine': args.engine,
            'agents': args.agents,
            'candidates': args.candidates,
            **figures,
            'map_nodes': model.sizes.map_nodes,
            'threads': args.threads,
            'model': folder.name,
            'open_s': opened_s,
        }
    }


def open_model(
    engine: str, folder: ModelFolder, agents: int, threads: int, candidates: int
) -> Model:
    """A model by the name of what runs it, for up to so many plans at once; to be closed
    (`close_model`). Raises PredictionNodeError where what it needs is missing.
    """
    nodes = map_nodes(agents)
    name, _, device = engine.partition('-')
    device = device or 'cpu'
    if name == 'tensorrt':
        return _open_kept(folder, agents, candidates)
    if name == 'onnx':
        from prediction_node.inference.onnx_model import OnnxModel

        return OnnxModel(folder, agents=agents, map_nodes=nodes, threads=threads, device=device)
    try:
        from prediction_node.inference.torch_model import TorchModel, check_device, use_threads
        from prediction_node.network.export import load
    except ImportError as error:
        raise PredictionNodeError(f'engine torch needs the training libraries: {error}') from error
    check_device(device)
    use_threads(threads)
    network = load(folder.path)
    sizes = folder.with_sizes(agents=agents, map_nodes=nodes if folder.sizes.map_nodes else 0)
    inputs = network.encoder.inputs
    return TorchModel(network.encoder, network.decoder, sizes, inputs, device)


def close_model(model: Model) -> None:
    """End what a model holds besides memory of this process."""
    close = getattr(model, 'close', None)
    if close is not None:
        close()


def _open_kept(folder: ModelFolder, agents: int, candidates: int) -> Model:
    """The engine that `prepare-engine` kept, as the node opens it: in a process of its own."""
    from prediction_node.accelerated import wanted_engine
    from prediction_node.inference.engine_process import EngineProcess
    from prediction_node.inference.tensorrt_engine.cache import NotKept
    from prediction_node.inference.tensorrt_engine.opening import open_engine
    from prediction_node.inference.tensorrt_engine.request import AGENT_SIZES, DEFAULT_CANDIDATES

    if agents not in AGENT_SIZES:
        sizes = ' or '.join(map(str, AGENT_SIZES))
        raise PredictionNodeError(f'engines of TensorRT are of {sizes} agents, got {agents}')
    most = max(candidates, DEFAULT_CANDIDATES)
    wanted, sizes_of = wanted_engine(folder, agents, map_nodes(agents), most)
    process = EngineProcess(sizes_of, open_engine, wanted, _DEADLINE_S)
    try:
        process.start()
    except EngineError as error:
        build = f'python -m prediction_node prepare-engine --agents {agents} --candidates {most}'
        hint = f' ({build})' if process.fault == NotKept.__name__ else ''
        raise PredictionNodeError(f'{error}{hint}') from error
    return process


def measure(model: Model, candidates: int, cycles: int = CYCLES) -> dict[str, Any]:
    """Times of a full scene in ms: encoder and decoder together and apart; `first_ms` of the very
    first cycle. A model that can draws its rasters, which are copied to others.
    """
    arrays: Arrays = scene_arrays(model.sizes)
    plans = plan_arrays(model.sizes, candidates)
    cannot_draw, drawing = getattr(model, 'cannot_draw', None), None
    if cannot_draw == '':
        drawing = example_drawing(model.sizes.agents)
        arrays = DrawnArrays(_without_rasters(arrays), drawing)
    total = WARM_UP_CYCLES + cycles
    both_s = [
        cycle_s(model, arrays, plans) for _ in track(range(total), 'inference', transient=True)
    ]
    return percentiles(both_s[WARM_UP_CYCLES:]) | {
        'first_ms': 1e3 * sum(both_s[0]),
        'cycles': cycles,
        **_raster_figures(cannot_draw, drawing),
    }


def _raster_figures(cannot_draw: str | None, drawing: SceneDrawing | None) -> dict[str, Any]:
    """Who drew rasters, of a model that might: nothing of others."""
    if cannot_draw is None:
        return {}
    if drawing is not None and drawing.painted:
        cannot_draw = 'the scene does not fit into a sketch'
    return {'rasters_copied_because': cannot_draw or None}


def _without_rasters(arrays: Arrays) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if name not in RASTERS}


def cycle_s(
    model: Model, arrays: Arrays, plans: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float]:
    """Seconds of encoder and decoder, for one scene and `plans` as of `plan_arrays`."""
    begin = time.perf_counter()
    encoded = model.encode(arrays)
    between = time.perf_counter()
    model.decode(encoded, *plans)
    return between - begin, time.perf_counter() - between


def percentiles(cycles_s: Sequence[tuple[float, float]]) -> dict[str, float]:
    """p50, p99 and p99.9 in ms of many `cycle_s`: both halves together, encoder, decoder."""
    encode_s, decode_s = np.array(cycles_s).T
    figures: dict[str, float] = {}
    for stage, taken_s in (
        ('', encode_s + decode_s),
        ('encode_', encode_s),
        ('decode_', decode_s),
    ):
        p50, p99, p999 = 1e3 * np.percentile(taken_s, [50, 99, 99.9])
        figures |= {
            f'{stage}p50_ms': float(p50),
            f'{stage}p99_ms': float(p99),
            f'{stage}p999_ms': float(p999),
        }
    return figures


def scene_arrays(sizes: Sizes, seed: int = 0) -> dict[str, np.ndarray]:
    """Plausible ENCODER_INPUTS with every row in use: cars on a square of 160 m."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in encoder_inputs(sizes).items():
        shape = tensor.shape(sizes)
        if tensor.dtype == 'uint8':
            top = len(MAP_RELATIONS) if name == 'actor_map_kind' else 256
            arrays[name] = rng.integers(0, top, shape, dtype=np.uint8)
        elif name.endswith('valid'):
            arrays[name] = np.ones(shape, np.float32)
        elif name.endswith('pose'):
            yaw = rng.uniform(-np.pi, np.pi, shape[0])
            place = rng.uniform(-80.0, 80.0, (shape[0], 2))
            arrays[name] = np.column_stack([place, np.cos(yaw), np.sin(yaw)]).astype(np.float32)
        else:
            arrays[name] = rng.normal(0.0, 0.5, shape).astype(np.float32)
    speed = rng.uniform(0.0, 15.0, sizes.agents + 1).astype(np.float32)
    arrays['actor_state'][:, STATE_NAMES.index('speed_mps')] = speed
    ago_s = sizes.history_step_s * np.arange(sizes.history - 1, -1, -1, dtype=np.float32)
    history = arrays['actor_history']
    history[...] = 0.0
    history[..., 0] = -speed[:, None] * ago_s
    history[..., 2] = 1.0
    history[..., 4] = speed[:, None]
    ahead_s = sizes.step_s * np.arange(1, sizes.steps + 1, dtype=np.float32)
    turn = rng.normal(0.0, 0.02, (sizes.agents, sizes.modes, 1)).astype(np.float32)
    distance = (speed[1:, None, None] * rng.uniform(0.5, 1.2, turn.shape) * ahead_s).astype('f4')
    yaw = turn * distance
    path = np.stack([distance * np.cos(yaw / 2), distance * np.sin(yaw / 2), yaw], axis=-1)
    arrays['proposal'] = path.astype(np.float32)
    weight = rng.dirichlet(np.ones(sizes.modes), sizes.agents)
    arrays['proposal_log_weight'] = np.log(np.maximum(weight, 1e-6)).astype(np.float32)
    return arrays


def plan_arrays(sizes: Sizes, candidates: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """DECODER_INPUTS: as many different plans straight ahead; a single one stands for no plan."""
    rng = np.random.default_rng(seed)
    shape = (candidates, *DECODER_INPUTS['plan'].shape(sizes)[1:])
    plan = np.zeros(shape, np.float32)
    ahead_s = sizes.steps / sizes.blocks * sizes.step_s * np.arange(1, sizes.blocks + 1)
    speed = rng.uniform(0.0, 15.0, (candidates, 1))
    plan[..., 0] = speed * ahead_s
    plan[..., 2] = 1.0
    plan[..., 4] = speed
    valid = np.full(shape[:2], 0.0 if candidates == 1 else 1.0, np.float32)
    return plan, valid
