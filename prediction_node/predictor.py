"""The learned predictor: kinematic proposals, refined by a network that sees the whole scene, as
futures that bodies can follow; with and without a plan of the robotaxi.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.config import Config
from prediction_node.domain.conditional import Asking, Conditioned, EgoPlan
from prediction_node.domain.errors import DataError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.model_folder import ModelError, ModelFolder
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, STEP_S, Prediction
from prediction_node.domain.scene import Scene
from prediction_node.domain.sketch import DrawnArrays
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    Sizes,
    Tensor,
    encoder_inputs,
)
from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.inference.model import Model, RelievedModel, memory_of
from prediction_node.inference.onnx_model import CPU, THREADS, OnnxModel
from prediction_node.prepared_map import PreparedMap
from prediction_node.priority import most_at_risk
from prediction_node.raster import Raster, Rasterizer, SceneDrawing, manifest
from prediction_node.raster.manifest import CELLS, CHANNELS
from prediction_node.resources import share_directory
from prediction_node.tensors.calibration import Calibration
from prediction_node.tensors.collision import collision
from prediction_node.tensors.decode import Bodies, Futures, Same
from prediction_node.tensors.encode import Encoder, NodeMemory
from prediction_node.tensors.plans import encode_plans, no_plan

DEFAULT_MODEL = 'product'
# A network takes as long for few agents as for all of its rows: it is asked for as many as there
# are, rounded up. Beyond so many agents each brings one more map node.
MAP_NODES, MAP_NODES_UP_TO = 192, 64
MOST_AGENTS, _ROUND = 256, 4
# Beyond so many agents two threads are worth waking.
_ALONE = 96
# Attention sees everybody, however far: who is farther from the robotaxi is not shown, so that it
# changes nothing for the others, and keeps its proposals.
SIGHT_M = 200.0
_THREADS = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A scene and what the network made of it."""

    scene: Scene
    proposals: Prediction  # of all agents
    rows: np.ndarray  # of the scene's agents that the network saw
    bodies: Bodies  # of those
    model: Model
    encoded: Any  # None where nobody was to be seen
    same: Same | None  # of those that the network saw
    prediction: Prediction  # of all agents


class LearnedEngine:
    """Implements inference.guard.AnsweringEngine with networks of one set of weights."""

    name = 'onnx'

    def __init__(
        self,
        model: Model,
        kinematic: KinematicEngine,
        rasterizer: Rasterizer,
        calibration: Calibration,
        larger: Sequence[Model] = (),
    ) -> None:
        """`larger` are for scenes of more agents than `model` takes. Beyond the largest, those of
        least risk to the robotaxi keep their proposals.

        Raises ModelError where a model answers in other modes or steps than planners get, or reads
        another raster than is drawn.
        """
        self._models = sorted([model, *larger], key=lambda each: each.sizes.agents)
        for each in self._models:
            _check(each)
        self._kinematic = kinematic
        self._rasterizer = rasterizer
        self._calibration = calibration
        self._nodes = NodeMemory()
        self._encoders = [Encoder(each.sizes, self._nodes) for each in self._models]
        self._raster = Raster.blank() if model.sizes.channels else None
        self._drawing: SceneDrawing | None = None
        self.drawn_elsewhere = False  # the newest raster, on the device of the network
        self._seen: _Seen | None = None
        self._answers = self.name  # who answered last
        # Kernels let other threads run: what does not wait for each other is done side by side.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix='predictor')

    @property
    def raster(self) -> Raster | None:
        """What the network saw last; None where it sees none. The next scene is drawn over it."""
        if self._seen is None or self._drawing is None:
            return None
        return self._drawing.raster()

    @property
    def standing_in(self) -> str:
        """Who answered the last scene for whom, and why; empty where the first in line did."""
        model = None if self._seen is None else self._seen.model
        return model.standing_in if isinstance(model, RelievedModel) else ''

    def prepare(self, lane_map: LaneMap | None) -> None:
        """Find the map's routes, nodes and pictures now rather than in the first cycle."""
        self._kinematic.prepare(lane_map)
        self._nodes.nodes_of(lane_map)
        if self._raster is not None:
            self._rasterizer.prepare(lane_map)

    def warm_up(self, candidates: int) -> None:
        """Have the networks take all the memory that they will ever need, for as many plans."""
        warm = set()
        for model in reversed(self._models):
            memory = id(memory_of(model))
            if memory in warm:
                continue
            warm.add(memory)
            sizes = dataclasses.replace(model.sizes, candidates=candidates)
            encoded = model.encode(_nothing(encoder_inputs(sizes), sizes))
            model.decode(encoded, *no_plan(model.sizes))
            plans = _nothing(DECODER_INPUTS, sizes)
            model.decode(encoded, plans['plan'], plans['plan_valid'] + np.float32(1.0))

    def adopt(self, prepared: PreparedMap) -> None:
        """Use a map that was prepared elsewhere: no cycle has to."""
        self._kinematic.adopt(prepared.road)
        lane_map = prepared.lane_map
        if lane_map is not None and prepared.nodes is not None:
            self._nodes.keep(lane_map, prepared.nodes)
        if lane_map is not None and prepared.drawn is not None:
            self._rasterizer.adopt(lane_map, prepared.drawn)
        self.prepare(lane_map)

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order. Raises ValueError for an answer that is none."""
        self._seen = self._drawing = None
        self.drawn_elsewhere = False
        rows = _in_sight(scene)
        size = self._size_for(len(rows))
        model = self._models[size]
        rows = rows[most_at_risk(scene.agents.select(rows), scene.ego, model.sizes.agents)]
        shown = _cut(scene, rows)
        encoded, outputs = None, None
        with self._being_drawn(shown, model):
            proposals = self._kinematic.predict(scene)
            if len(rows):
                arrays = self._encoders[size].encode(shown, _rows_of(proposals, shown, rows))
        if len(rows):
            drawn = arrays if self._drawing is None else DrawnArrays(arrays, self._drawing)
            encoded = model.encode(drawn)
            outputs = model.decode(encoded, *no_plan(model.sizes))
            self.drawn_elsewhere = isinstance(drawn, DrawnArrays) and not drawn.drawing.painted
        self._answers = model.answers if isinstance(model, RelievedModel) else self.name
        bodies = Bodies.of(shown.agents, self._calibration)
        answer, same = None, None
        if outputs is not None:
            answer = bodies.decode(outputs, self._answers, threads=self._threads)
            same = answer.same
        prediction, _ = self._of_all(answer, rows, proposals, self._answers)
        self._seen = _Seen(scene, proposals, rows, bodies, model, encoded, same, prediction)
        return prediction

    def asking(self) -> Asking:
        """What answers plans on the scene that `predict` saw last; where the network is on a
        processor, also once there are newer ones.

        Raises RuntimeError before the first `predict`, what it returns ValueError for a plan that
        is not finite.
        """
        if self._seen is None:
            raise RuntimeError(f'{self.name} has predicted no scene yet')
        return partial(self._condition, self._seen, self._answers)

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]:
        """What `asking` answers, at once."""
        return self.asking()(plans)

    def _condition(
        self, seen: _Seen, engine: str, plans: tuple[EgoPlan, ...]
    ) -> tuple[Conditioned, ...]:
        if not plans:
            return ()
        outputs = None
        if seen.encoded is not None:
            plan, valid = encode_plans(plans, seen.scene.ego, seen.model.sizes)
            outputs = seen.model.decode(seen.encoded, plan, valid)

        def answer(row: int) -> Conditioned:
            futures = None
            if outputs is not None:
                futures = seen.bodies.decode(outputs, engine, row, same=seen.same)
            prediction, weight = self._of_all(futures, seen.rows, seen.proposals, engine)
            return Conditioned(
                prediction=prediction,
                collision=collision(plans[row], seen.scene.ego, prediction, weight),
                reaction_m=reaction_m(prediction, seen.prediction),
            )

        return tuple(self._threads.map(answer, range(len(plans))))

    def _size_for(self, agents: int) -> int:
        """Which model: the smallest that takes all of them, or the largest."""
        for i, model in enumerate(self._models):
            if agents <= model.sizes.agents:
                return i
        return len(self._models) - 1

    @contextmanager
    def _being_drawn(self, shown: Scene, model: Model) -> Iterator[None]:
        """Meanwhile the scene is sketched on another thread, for a network that looks at it, and
        painted, unless a GPU is to do it.
        """
        if self._raster is None or not len(shown.agents):
            yield
            return
        elsewhere = isinstance(model, RelievedModel) and not model.standing_in
        drawing = self._threads.submit(self._draw, shown, self._raster, paint=not elsewhere)
        try:
            yield
        finally:
            wait([drawing])  # whatever became of the rest: there is one rasterizer
        self._drawing = drawing.result()

    def _draw(self, shown: Scene, raster: Raster, *, paint: bool) -> SceneDrawing:
        drawing = SceneDrawing(self._rasterizer, self._rasterizer.sketch(shown), raster)
        if paint:
            drawing.raster()
        return drawing

    def _of_all(
        self, seen: Futures | None, rows: np.ndarray, proposals: Prediction, engine: str
    ) -> tuple[Prediction, np.ndarray]:
        """Of all agents, with the weights (N, M, W) on the way: those that the network did not see
        keep their proposals. `seen` is of the agents `rows`, None if of nobody.
        """
        n = len(proposals.agents)
        if seen is None:
            unseen = dataclasses.replace(proposals, engine=engine)
            return unseen, proposals.probability[:, :, None]
        if len(rows) == n:
            return seen.prediction, seen.weight
        pose, sigma = proposals.pose.copy(), proposals.sigma.copy()
        instants = seen.weight.shape[2]
        weight = np.repeat(proposals.probability[:, :, None], instants, axis=2)
        pose[rows], sigma[rows] = seen.prediction.pose, seen.prediction.sigma
        weight[rows] = seen.weight
        probability = np.ascontiguousarray(weight[:, :, -1])
        return Prediction(proposals.agents, pose, sigma, probability, engine), weight


def load_engine(
    model: Path | str,
    config: Config,
    kinematic: KinematicEngine | None = None,
    *,
    threads: int = THREADS,
) -> LearnedEngine:
    """The learned engine of a model folder, or of a shipped model by its name ('': DEFAULT_MODEL).

    `kinematic` makes the proposals; None: one of its own. `threads` of the network where there
    are many agents. Raises ModelError naming the file where the model is missing, damaged, of
    another contract or of another raster, or its calibration is broken; and where ONNX Runtime
    cannot work on the device that is asked for.
    """
    path = find_model(model)
    folder = ModelFolder.read(path, raster_manifest=manifest.digest())
    try:
        calibration = Calibration.from_dict(folder.calibration)
    except DataError as error:
        raise ModelError(f'{path}: {error}') from error
    sizes = agent_sizes(config.cycle.max_agents)
    device = config.engine.device
    few = many = OnnxModel(folder, threads=1, plan_threads=threads, device=device)
    if threads > 1 and sizes[-1] > _ALONE and device == CPU:
        many = OnnxModel(folder, threads=threads)
    first: Model
    larger: Sequence[Model]
    first, *larger = ((few if n <= _ALONE else many).sized(n, map_nodes(n)) for n in sizes)
    if config.engine.name == 'tensorrt':
        first, *larger = _on_gpu(folder, many, config)
    kinematic = kinematic or KinematicEngine(config.kinematic)
    return LearnedEngine(first, kinematic, Rasterizer(), calibration, larger)


def _on_gpu(folder: ModelFolder, second: OnnxModel, config: Config) -> list[Model]:
    """The same in the sizes that engines are built for; `second` relieves them."""
    from prediction_node.accelerated import accelerated
    from prediction_node.inference.tensorrt_engine.request import AGENT_SIZES

    most = config.cycle.max_agents
    sizes = AGENT_SIZES[: 1 + sum(size < most for size in AGENT_SIZES[:-1])]
    plans = config.conditioned.max_candidates
    return [accelerated(folder, second.sized(n, map_nodes(n)), plans) for n in sizes]


def agent_sizes(most: int) -> list[int]:
    """Numbers of agents that a network is asked for where there may be up to `most`."""
    most = min(most, MOST_AGENTS)
    return [*range(_ROUND, most, _ROUND), most]


def map_nodes(agents: int) -> int:
    """How many map nodes go with so many agents."""
    return MAP_NODES + max(0, agents - MAP_NODES_UP_TO)


def find_model(model: Path | str) -> Path:
    """A folder as it is, else the shipped model of that name. Raises ModelError if neither is."""
    name = str(model) or DEFAULT_MODEL
    if Path(name).is_dir():
        return Path(name)
    shipped = share_directory() / 'models'
    # A plain name, so that no '..' leads out of the folder.
    if Path(name).name == name and (shipped / name).is_dir():
        return shipped / name
    names = sorted(each.name for each in shipped.iterdir()) if shipped.is_dir() else []
    raise ModelError(
        f'{name}: neither a folder nor a shipped model ({", ".join(names) or "none is shipped"})'
    )


def reaction_m(answer: Prediction, unconditional: Prediction) -> np.ndarray:
    """(N,) mean distance over the horizon between the likeliest futures of two predictions."""
    rows = np.arange(len(answer.agents))
    likeliest = np.argmax(answer.probability, axis=1)
    before = np.argmax(unconditional.probability, axis=1)
    apart = answer.pose[rows, likeliest, 1:, :2] - unconditional.pose[rows, before, 1:, :2]
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]).mean(axis=1))


def _check(model: Model) -> None:
    sizes = model.sizes
    expected = {
        'modes': MODE_COUNT,
        'steps': POSE_COUNT - 1,
        'step_s': STEP_S,
        'channels': len(CHANNELS) if sizes.channels else 0,
        'cells': CELLS,
    }
    for name, value in expected.items():
        if getattr(sizes, name) != value:
            raise ModelError(f'model.sizes.{name} must be {value}, got {getattr(sizes, name)}')


def _nothing(tensors: Mapping[str, Tensor], sizes: Sizes) -> dict[str, np.ndarray]:
    """Arrays of zeros."""
    return {name: np.zeros(each.shape(sizes), each.dtype) for name, each in tensors.items()}


def _in_sight(scene: Scene) -> np.ndarray:
    """Rows of the agents that may be shown to the network."""
    away = scene.agents.position_m[:, :2] - scene.ego.position_m
    return np.flatnonzero(away[:, 0] ** 2 + away[:, 1] ** 2 <= SIGHT_M**2)


def _cut(scene: Scene, rows: np.ndarray) -> Scene:
    """The scene with the agents `rows` only."""
    if len(rows) == len(scene.agents):
        return scene
    return scene.select(rows)


def _rows_of(prediction: Prediction, shown: Scene, rows: np.ndarray) -> Prediction:
    if len(rows) == len(prediction.agents):
        return prediction
    return Prediction(
        agents=shown.agents,
        pose=prediction.pose[rows],
        sigma=prediction.sigma[rows],
        probability=prediction.probability[rows],
        engine=prediction.engine,
    )
