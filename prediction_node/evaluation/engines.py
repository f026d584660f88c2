"""Engines by name, for processes that evaluate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prediction_node.domain.errors import DataError
from prediction_node.evaluation.masks import Masked
from prediction_node.evaluation.views import AGENTS, Viewed
from prediction_node.inference.constant_velocity import ConstantVelocityEngine
from prediction_node.inference.guard import Engine
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters
from prediction_node.learning.folds import Fold, find_folds, fold_holding_out

CONSTANT_VELOCITY = ConstantVelocityEngine.name
KINEMATIC = KinematicEngine.name
ONNX = 'onnx'
ENGINES = (KINEMATIC, CONSTANT_VELOCITY, ONNX)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What it takes to make an engine, in any process."""

    name: str
    model: Path | None = None  # of a learned engine
    mask: str = ''  # a name of masks.MASKS: what is hidden from it
    title: str = ''

    @property
    def key(self) -> str:
        """What its figures are filed under."""
        return self.title or (f'{self.name} without {self.mask}' if self.mask else self.name)

    @property
    def unmasked(self) -> EngineSpec:
        return EngineSpec(self.name, self.model)

    def build(self) -> Engine:
        """The engine as it runs in the vehicle, scenes of any size included; hides nothing yet."""
        engine = self.build_bare()
        return engine if self.model is None else Viewed(engine)

    def build_bare(self) -> Engine:
        """The engine itself. Raises DataError or another typed error for a model that is none."""
        if self.name == CONSTANT_VELOCITY:
            return ConstantVelocityEngine()
        if self.name == KINEMATIC:
            return KinematicEngine(KinematicParameters())
        if self.name != ONNX:
            raise DataError(f'engine must be one of {", ".join(ENGINES)}, got {self.name}')
        if self.model is None:
            raise DataError('engine onnx needs the folder of a model: name it with --model')
        from prediction_node.config import Config
        from prediction_node.predictor import load_engine

        config = Config()
        # Larger scenes come in views: the network for more agents would never be asked.
        cycle = dataclasses.replace(config.cycle, max_agents=AGENTS)
        return load_engine(self.model, dataclasses.replace(config, cycle=cycle))


@dataclass(frozen=True, slots=True)
class Folded:
    """One engine per fold; every group of recordings is asked of the one that never saw it."""

    folds: tuple[Fold, ...]
    specs: tuple[EngineSpec, ...]

    @classmethod
    def below(cls, folder: Path) -> Folded:
        """From the model folders of a cross-validation. Raises DataError where one is missing."""
        found = find_folds(folder)
        return cls(tuple(f for f, _ in found), tuple(EngineSpec(ONNX, path) for _, path in found))

    def spec_for(self, recordings: Iterable[str]) -> EngineSpec:
        """Of a group by the names of its recordings. Raises DataError if none is blind to it."""
        return self.specs[fold_holding_out(self.folds, recordings)]


@dataclass(frozen=True, slots=True)
class Same:
    """One engine for all groups."""

    spec: EngineSpec

    def spec_for(self, recordings: Iterable[str]) -> EngineSpec:
        return self.spec


Choice = Folded | Same


class Garage:
    """Engines built when first asked for, and kept: the latest few models only."""

    def __init__(self, most: int = 3) -> None:
        self._most = most
        self._built: dict[EngineSpec, Engine] = {}

    def engine(self, spec: EngineSpec) -> Engine:
        """Of the spec; engines that differ in what is hidden from them are one."""
        bare = spec.unmasked
        if bare not in self._built:
            while len(self._built) >= self._most:
                self._built.pop(next(iter(self._built)))
            self._built[bare] = bare.build()
        return Masked(self._built[bare], spec.mask) if spec.mask else self._built[bare]


def baselines_of(name: str) -> Sequence[EngineSpec]:
    """What an engine is compared with: the kinematic predictor and constant velocity."""
    return [EngineSpec(each) for each in (KINEMATIC, CONSTANT_VELOCITY) if each != name]
