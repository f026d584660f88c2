"""Where vehicles may drive, as cells: do their predicted futures stay on it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, MOTOR_VEHICLES, class_mask
from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.domain.prediction import STEP_S, Prediction

CELL_M = 0.5
MAX_CELLS = 20_000_000
# A crosswalk crosses the carriageway, also where the lanes of a junction leave a hole.
DRIVABLE = (LaneKind.ROAD, LaneKind.BICYCLE, LaneKind.SHOULDER, LaneKind.CROSSWALK, LaneKind.OTHER)
STRIDE_STEPS = 5
_MOTOR = class_mask(MOTOR_VEHICLES)


@dataclass(frozen=True, slots=True, eq=False)
class DrivableArea:
    """Cells of the map whose middle lies within a lane, and their neighbours.

    The margin of one cell pays for borders that are drawn by hand and for the size of the cells.
    """

    origin_m: np.ndarray  # (2,) of the cell (0, 0), map frame
    cell_m: float
    inside: np.ndarray  # (X, Y) bool

    @classmethod
    def of(cls, lane_map: LaneMap) -> DrivableArea:
        """Of all lanes but walkways. A very large map has coarser cells."""
        outlines = [
            np.concatenate([lane_map.left_border[i][:, :2], lane_map.right_border[i][::-1, :2]])
            for i in np.flatnonzero(np.isin(lane_map.kind, [int(kind) for kind in DRIVABLE]))
        ]
        if not outlines:
            return cls(np.zeros(2), CELL_M, np.zeros((1, 1), bool))
        points = np.concatenate(outlines)
        low, extent = points.min(axis=0), np.ptp(points, axis=0)
        cell = max(CELL_M, float(np.sqrt(extent[0] * extent[1] / MAX_CELLS)))
        origin = low - 2.0 * cell
        inside = np.zeros(np.ceil(extent / cell).astype(int) + 5, bool)
        for outline in outlines:
            _fill(inside, (outline - origin) / cell)
        return cls(origin, cell, _dilated(inside))

    def contains(self, points_m: np.ndarray) -> np.ndarray:
        """(...) bool for points (..., 2) in the map frame."""
        cell = np.floor((points_m - self.origin_m) / self.cell_m).astype(np.int64)
        known = ((cell >= 0) & (cell < self.inside.shape)).all(axis=-1)
        x, y = np.moveaxis(np.where(known[..., None], cell, 0), -1, 0)
        return np.asarray(known & self.inside[x, y])


def off_road(
    area: DrivableArea,
    prediction: Prediction,
    rows: np.ndarray,
    truth_m: np.ndarray,
    valid: np.ndarray,
    horizons_s: Sequence[float],
) -> np.ndarray:
    """(M, H) 1 where the likeliest future of a vehicle leaves the drivable area, else 0.

    Of agents `rows` (M,) with truth (M, T, 2), valid (M, T). NaN for those who are no motor
    vehicles, and where the truth is unknown or leaves the area as well: there the map is not all.
    """
    label = np.clip(prediction.agents.label[rows], 0, CLASS_COUNT - 1)
    likely = np.argmax(prediction.probability[rows], axis=1)
    path = prediction.pose[rows, likely][:, ::STRIDE_STEPS, :2]
    away = np.logical_or.accumulate(~area.contains(path), axis=1)
    truth_on = area.contains(truth_m[:, STRIDE_STEPS - 1 :: STRIDE_STEPS])
    known = valid[:, STRIDE_STEPS - 1 :: STRIDE_STEPS]
    stays = np.logical_and.accumulate(truth_on & known, axis=1)
    column = np.array([round(h / STEP_S / STRIDE_STEPS) for h in horizons_s])
    counts = _MOTOR[label][:, None] & ~away[:, :1] & stays[:, column - 1]
    return np.where(counts, away[:, column].astype(float), np.nan)


def _fill(inside: np.ndarray, outline: np.ndarray) -> None:
    """Set the cells whose middle lies within the outline (V, 2), in cells: even-odd rule."""
    first = np.floor(outline.min(axis=0)).astype(int)
    last = np.ceil(outline.max(axis=0)).astype(int) + 1
    x = np.arange(first[0], last[0]) + 0.5
    y = np.arange(first[1], last[1]) + 0.5
    start, end = outline, np.roll(outline, -1, axis=0)
    odd = np.zeros((len(x), len(y)), bool)
    for (x0, y0), (x1, y1) in zip(start, end, strict=True):
        if y0 == y1:
            continue
        spans = (y0 > y) != (y1 > y)
        crossing = x0 + (y[spans] - y0) * (x1 - x0) / (y1 - y0)
        odd[:, spans] ^= x[:, None] < crossing
    inside[first[0] : last[0], first[1] : last[1]] |= odd


def _dilated(inside: np.ndarray) -> np.ndarray:
    wide = inside.copy()
    wide[1:] |= inside[:-1]
    wide[:-1] |= inside[1:]
    tall = wide.copy()
    tall[:, 1:] |= wide[:, :-1]
    tall[:, :-1] |= wide[:, 1:]
    return tall
