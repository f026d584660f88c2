"""Stored samples as examples: kinematic proposals, tensors and rasters are made when they are read,
by the same code as in the vehicle.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.map_memory import MapMemory
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters
from prediction_node.inference.kinematic.road import Road
from prediction_node.learning.augmentation import Seen, augmented
from prediction_node.learning.data import Example, TrainingData
from prediction_node.learning.labels import label_arrays
from prediction_node.learning.parameters import (
    AugmentationParameters,
    DataParameters,
    LossParameters,
    TrainParameters,
)
from prediction_node.learning.plans import plan_arrays
from prediction_node.learning.samples.sample import Sample
from prediction_node.learning.samples.store import SampleStore
from prediction_node.learning.splits import RECORDED, held_out_fold, split
from prediction_node.predictor import SIGHT_M
from prediction_node.priority import most_at_risk
from prediction_node.raster import Raster, Rasterizer, RasterParameters
from prediction_node.tensors.encode import encode
from prediction_node.tensors.map_nodes import MapNodes

TILES = 512  # of each map and scale, 32 KiB each


@dataclass(frozen=True, slots=True)
class Place:
    """What is derived from one map, once for all samples on it."""

    lane_map: LaneMap | None
    road: Road
    nodes: MapNodes

    @classmethod
    def of(cls, lane_map: LaneMap | None, parameters: KinematicParameters) -> Place:
        road = Road.nowhere() if lane_map is None else Road.of(lane_map, parameters)
        return cls(lane_map, road, MapNodes.of(lane_map))


class Places:
    """The maps seen last; an example of any of them is prepared without looking at its map anew."""

    def __init__(self, most: int) -> None:
        self._parameters = KinematicParameters()
        self._known: MapMemory[Place] = MapMemory(most)
        self._nowhere = Place.of(None, self._parameters)
        self.rasterizer = Rasterizer(RasterParameters(maps=most, tiles=TILES, tiles_ahead=0))

    def at(self, lane_map: LaneMap | None) -> Place:
        if lane_map is None:
            return self._nowhere
        return self._known.of(lane_map, lambda seen: Place.of(seen, self._parameters))

    def engine(self, place: Place) -> KinematicEngine:
        """A kinematic engine that remembers no lights of other scenes."""
        engine = KinematicEngine(self._parameters)
        engine.adopt(place.road)
        return engine


class SceneExamples:
    """Samples of several stores as examples."""

    def __init__(
        self,
        stores: Sequence[SampleStore],
        rows: np.ndarray,
        sizes: Sizes,
        loss: LossParameters,
        augmentation: AugmentationParameters | None,
        *,
        seed: int,
        places: int,
    ) -> None:
        """`rows` are the samples taken, counted through all stores; None augments nothing."""
        self._stores = list(stores)
        self._first = np.cumsum([0, *(len(store) for store in stores)])
        self._rows = rows
        self._sizes = sizes
        self._loss = loss
        self._augmentation = augmentation
        self._seed = seed
        self._most_places = places
        self._places: Places | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def digest(self) -> str:
        """SHA-256 of what all stores hold, in hexadecimal."""
        return hashlib.sha256(''.join(store.digest for store in self._stores).encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_places': None}  # other processes look at maps themselves

    def sample(self, index: int) -> Sample:
        """The sample behind an example. Raises DataError if it cannot be read."""
        row = int(self._rows[index])
        which = int(np.searchsorted(self._first, row, side='right')) - 1
        sample: Sample = self._stores[which][row - int(self._first[which])]
        return sample

    def example(self, index: int, draw: int | None) -> Example:
        """See data.Examples."""
        sample = self.sample(index)
        steps = self._sizes.steps
        if draw is None or self._augmentation is None:
            told = steps if sample.scene.ego.present and tells_judges(index) else 0
            seen = Seen(sample.scene, sample.scene.ego.map_from_base, told)
        else:
            rng = np.random.default_rng([self._seed, draw])
            seen = augmented(sample.scene, steps, self._augmentation, rng)
        return self._encoded(sample, seen)

    def _encoded(self, sample: Sample, seen: Seen) -> Example:
        sizes = self._sizes
        self._places = self._places or Places(self._most_places)
        place = self._places.at(seen.scene.lane_map)
        proposals = self._places.engine(place).predict(seen.scene)
        # As in the vehicle: proposals heed everybody, the network those who matter most.
        rows = shown_rows(seen.scene, sizes.agents)
        scene, proposals = chosen(seen.scene, proposals, rows)
        example = encode(scene, proposals, sizes, seen.view, place.nodes)
        if sizes.channels:
            raster: Raster = self._places.rasterizer.draw(scene, seen.view)
            example |= {'raster_near': raster.near, 'raster_far': raster.far}
        example |= plan_arrays(sample, seen, sizes)
        heading = seen.scene.agents.yaw_rad
        example |= label_arrays(sample, rows, sizes.agents, self._loss, heading, seen.told_steps)
        return example | {'recorded': np.array(sample.origin == RECORDED, np.float32)}


def tells_judges(index: int) -> bool:
    """Whether validation is told the plan of an example: of half of them, for it judges both kinds
    of answers. Scattered: whoever asks every second or tenth example gets both kinds as well.
    """
    return bool(index * 0x9E3779B1 >> 16 & 1)


def shown_rows(scene: Scene, count: int) -> np.ndarray:
    """Rows, ascending, of the agents that the network is shown: at most `count` within SIGHT_M."""
    away = scene.agents.position_m[:, :2] - scene.ego.position_m
    near = np.flatnonzero(np.square(away).sum(axis=1) <= SIGHT_M**2)
    rows: np.ndarray = near[most_at_risk(scene.agents.select(near), scene.ego, count)]
    return rows


def chosen(scene: Scene, proposals: Prediction, rows: np.ndarray) -> tuple[Scene, Prediction]:
    """The scene with some of its agents, and their proposals."""
    if len(rows) == len(scene.agents):
        return scene, proposals
    shown = scene.select(rows)
    kept = Prediction(
        shown.agents,
        proposals.pose[rows],
        proposals.sigma[rows],
        proposals.probability[rows],
        proposals.engine,
    )
    return shown, kept


def open_samples(parameters: TrainParameters, sizes: Sizes) -> TrainingData:
    """The samples below `data.folders`. Raises ParameterError and DataError."""
    data = parameters.data
    if not data.folders:
        raise ParameterError('data.folders must name sample folders (or use --data), got none')
    repeats = data.options.get('repeat', {})
    if set(data.options) - {'repeat'} or not isinstance(repeats, dict):
        raise ParameterError(
            f'data.options of samples are {{repeat: {{origin: times}}}}, got {data.options}'
        )
    stores = _open(data.folders, data)
    recording = [f'{k}/{name}' for k, store in enumerate(stores) for name in store.recording]
    group = [name for store in stores for name in store.group]
    origin = [name for store in stores for name in store.origin]
    entries = [entry for store in stores for entry in store.recordings]
    bare = [e.group for e in entries if not e.shards and e.origin == RECORDED]
    fold = held_out_fold(group, origin, data, bare)
    train, validation = split(group, origin, fold, data)
    times = np.array([int(repeats.get(origin[row], 1)) for row in train])
    train = np.repeat(train, times)

    digest = hashlib.sha256()
    for store in stores:
        digest.update(store.digest.encode())
    digest.update(np.ascontiguousarray(train, np.int64).tobytes())
    return TrainingData(
        train=_examples(stores, train, sizes, parameters, parameters.augmentation),
        validation=_examples(stores, validation, sizes, parameters),
        train_recording=[recording[row] for row in train],
        sizes=sizes,
        digest=digest.hexdigest(),
        sources=_sources(stores, train, validation, origin, group),
        held_out=fold,
    )


def all_samples(
    folders: Sequence[str],
    parameters: TrainParameters,
    sizes: Sizes,
    without: Collection[str] = (),
) -> SceneExamples:
    """All samples of folders but those of the groups `without`, as they are. Raises DataError."""
    stores = _open(folders, parameters.data)
    group = np.array([name for store in stores for name in store.group], dtype=object)
    rows = np.flatnonzero(~np.isin(group, list(without)))
    return _examples(stores, rows, sizes, parameters)


def _open(folders: Sequence[str], data: DataParameters) -> list[SampleStore]:
    return [SampleStore(Path(folder), maps=2 * data.open_recordings) for folder in folders]


def _examples(
    stores: Sequence[SampleStore],
    rows: np.ndarray,
    sizes: Sizes,
    parameters: TrainParameters,
    augmentation: AugmentationParameters | None = None,
) -> SceneExamples:
    return SceneExamples(
        stores,
        rows,
        sizes,
        parameters.loss,
        augmentation,
        seed=parameters.run.seed,
        places=parameters.data.open_recordings + 4,
    )


def _sources(
    stores: Sequence[SampleStore],
    train: np.ndarray,
    validation: np.ndarray,
    origin: Sequence[str],
    group: Sequence[str],
) -> dict[str, Any]:
    """What the model card says about the data."""
    licences = Counter(
        str(
            entry.facts.get('licence')
            or ('not stated' if entry.origin == RECORDED else 'simulated here: none needed')
        )
        for store in stores
        for entry in store.recordings
    )
    agents: Counter[str] = Counter()
    for store in stores:
        for entry in store.recordings:
            agents.update(entry.agents)
    return {
        'samples to learn from, by origin': dict(Counter(origin[row] for row in train)),
        'samples to validate on, by origin': dict(Counter(origin[row] for row in validation)),
        'groups that validated': sorted({group[row] for row in validation}),
        'recordings by licence': dict(licences),
        'agents with a whole future, by class': dict(agents),
    }
