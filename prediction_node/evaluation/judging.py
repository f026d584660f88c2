"""Predictions against what happened: one row per judged agent and window, for one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import Prediction
from prediction_node.evaluation.drivable import DrivableArea, off_road
from prediction_node.evaluation.overlap import overlaps
from prediction_node.evaluation.windows import Window
from prediction_node.metrics import (
    HORIZONS_S,
    MEANS,
    Calibration,
    is_moving,
    score,
)

HEADLINE_S = 5.0
STANDING = 'standing'
STANDING_SPEED_MPS = 0.5  # slower at present: nothing of the future decides who stands
_MOTION_STEPS = 50  # who moves is told from the future up to the headline
# Every figure of a table. `brier_gap` is brier-minFDE - minFDE.
FIGURES = (*MEANS, 'nll', 'brier_gap', 'off_road', 'overlap')


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """W agents scored for one engine; NaN where the future is unknown at a horizon."""

    scores: dict[str, np.ndarray]  # each (W, H): FIGURES, counts, closest
    probability: np.ndarray  # (W, K)
    moving: np.ndarray  # (W,) bool
    standing: np.ndarray  # (W,) bool, at present
    label: np.ndarray  # (W,) true class
    group: np.ndarray  # (W,) str

    def __len__(self) -> int:
        return len(self.moving)

    def select(self, rows: np.ndarray) -> Judged:
        """Those that `rows` (bool or integers) picks."""
        scores = {name: values[rows] for name, values in self.scores.items()}
        rest = [getattr(self, f.name)[rows] for f in fields(self) if f.name != 'scores']
        return Judged(scores, *rest)

    def of_groups(self, wanted: Iterable[str]) -> Judged:
        return self.select(np.isin(self.group, list(wanted)))

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        """All rows in turn. Raises ValueError for no parts."""
        if not parts:
            raise ValueError('nothing to join: no window was judged')
        scores = {
            name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores
        }
        rest = [
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(cls)
            if field.name != 'scores'
        ]
        return cls(scores, *rest)

    def calibration(
        self, horizon_s: float = HEADLINE_S, *, all_agents: bool = False
    ) -> Calibration:
        """Of the mode probabilities at one horizon, moving agents or all."""
        column = HORIZONS_S.index(horizon_s)
        rows = self.scores['counts'][:, column] & (self.moving | all_agents)
        calibration = Calibration()
        calibration.add(
            self.probability[rows],
            {name: values[rows, column : column + 1] for name, values in self.scores.items()},
        )
        return calibration


class Judge:
    """Scores predictions; remembers the drivable area of the map it saw last."""

    def __init__(self) -> None:
        self._lane_map: LaneMap | None = None
        self._area: DrivableArea | None = None

    def __call__(self, prediction: Prediction, window: Window) -> Judged:
        """Score the judged agents of one window."""
        rows = window.judged
        scores = score(
            prediction.pose[rows][:, :, 1:, :2],
            prediction.probability[rows],
            window.truth_m,
            window.valid,
            HORIZONS_S,
            sigma=prediction.sigma[rows][:, :, 1:],
        )
        scores['brier_gap'] = scores['brier_min_fde'] - scores['min_fde']
        area = self._drivable(window.scene.lane_map)
        scores['off_road'] = (
            np.full(scores['fde'].shape, np.nan)
            if area is None
            else off_road(area, prediction, rows, window.truth_m, window.valid, HORIZONS_S)
        )
        scores['overlap'] = np.where(
            scores['counts'], overlaps(prediction, HORIZONS_S)[rows].astype(float), np.nan
        )
        present = window.scene.agents.position_m[rows, :2]
        until = window.valid.copy()
        until[:, _MOTION_STEPS:] = False
        return Judged(
            scores=scores,
            probability=prediction.probability[rows],
            moving=is_moving(present, window.truth_m, until),
            standing=np.linalg.norm(window.scene.agents.velocity_mps[rows], axis=-1)
            < STANDING_SPEED_MPS,
            label=window.label,
            group=np.full(len(rows), window.group, dtype=object).astype(str),
        )

    def _drivable(self, lane_map: LaneMap | None) -> DrivableArea | None:
        if lane_map is None or not len(lane_map):
            return None
        if lane_map is not self._lane_map:
            self._lane_map, self._area = lane_map, DrivableArea.of(lane_map)
        return self._area


OnWindow = Callable[[Window, Prediction, Judged], None]
