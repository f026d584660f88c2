"""What one scene is to be made from."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node import __version__
from prediction_node.simulation.scenario.scenario import Scenario
from prediction_node.simulation.sensors.parameters import SuiteParameters

FORMAT = 1  # of what a scene's folder holds: to be raised when the same request gives other bytes


@dataclass(frozen=True, eq=False)
class SceneRequest:
    """Equal requests give equal bytes, whoever carries them out, in whatever order."""

    seed: int
    scenario: Scenario | None  # None: one that is drawn from the seed
    duration_s: float
    scenes_only: bool
    suite: SuiteParameters

    @cached_property
    def identity(self) -> str:
        """A digest of all but the seed, and of the programs that turn it into a scene."""
        values = {
            'format': FORMAT,
            'scenario': self.scenario and dataclasses.asdict(self.scenario),
            'duration_s': self.duration_s,
            'scenes_only': self.scenes_only,
            'suite': dataclasses.asdict(self.suite),
            'versions': [__version__, _version_of('libsumo')],
        }
        text = json.dumps(values, sort_keys=True, default=_plain)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f'{type(value).__name__} has no place in a scenario')


def _version_of(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ''
