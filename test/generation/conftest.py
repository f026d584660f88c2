"""Builders for bulk runs without a simulator."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from prediction_node.generation.report import Outcome
from prediction_node.generation.request import SceneRequest
from prediction_node.generation.run import run_scenes
from prediction_node.generation.store import SceneStore
from prediction_node.generation.summary import Summary
from prediction_node.generation.workers import LocalWorkers, Maker
from prediction_node.simulation.scenario import Scenario
from prediction_node.simulation.sensors.parameters import SuiteParameters


@dataclass
class QuietBar:
    """Keeps what a terminal would show."""

    shares: list[tuple[int, float]] = field(default_factory=list)
    over: list[int] = field(default_factory=list)

    def scene(self, seed: int, share: float) -> None:
        self.shares.append((seed, share))

    def done(self, seed: int) -> None:
        self.over.append(seed)


@dataclass
class Bulk:
    """A folder for scenes, one for orders to the stand-in, and a way to run it all."""

    out: Path
    orders: Path
    make: Maker

    def order(self, seed: int, what: str) -> None:
        (self.orders / str(seed)).write_text(what)

    def tries(self, seed: int) -> list[str]:
        """The processes that tried."""
        path = self.orders / f'{seed}.tries'
        return path.read_text().split() if path.exists() else []

    def requests(self, seeds: range | list[int], **changes: Any) -> list[SceneRequest]:
        scenario = Scenario(name='stand-in', description=str(self.orders))
        values: dict[str, Any] = {
            'scenario': scenario,
            'duration_s': 10.0,
            'scenes_only': False,
            'suite': SuiteParameters(),
        }
        return [SceneRequest(seed, **{**values, **changes}) for seed in seeds]

    def run(
        self,
        requests: list[SceneRequest],
        jobs: int = 2,
        on_outcome: Callable[[Outcome], None] = lambda outcome: None,
        **settings: Any,
    ) -> Summary:
        store = SceneStore(self.out)
        self.bar = QuietBar()
        with store.claimed():
            workers = LocalWorkers(self.make, store, jobs, on_progress=self.bar.scene, **settings)
            return run_scenes(store, requests, workers, self.bar, on_outcome)

    def contents(self) -> dict[str, bytes]:
        """Every file below the output folder."""
        found = {path.relative_to(self.out): path for path in self.out.rglob('*')}
        return {str(name): path.read_bytes() for name, path in found.items() if path.is_file()}


@pytest.fixture
def bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bulk:
    # Spawned processes inherit the path, so they find the stand-in by the same name.
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    stand_in = importlib.import_module('stand_in_maker')
    orders = tmp_path / 'orders'
    orders.mkdir()
    return Bulk(tmp_path / 'out', orders, stand_in.make)
