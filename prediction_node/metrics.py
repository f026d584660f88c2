"""How far predictions were from what happened, per window and summed up.

A window is one agent predicted at one instant. Arrays over time begin one step after that instant:
column t is (t + 1) x step later. A mode counts if its probability is above zero. Definitions as in
the Argoverse forecasting challenges: minFDE is over modes, a miss is a minFDE above 2 m,
brier-minFDE adds (1 - p)^2 of the mode that ends closest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prediction_node.domain.prediction import STEP_S

HORIZONS_S = (1.0, 3.0, 5.0, 8.0)
MISS_M = 2.0
MOVING_SPEED_MPS = 0.5
MOVING_DISTANCE_M = 2.0
CALIBRATION_BINS = 10

MEANS = ('ade', 'fde', 'min_ade', 'min_fde', 'miss_rate', 'brier_min_fde')
MOVING, ALL = 'moving', 'all'


def score(
    pose: np.ndarray,
    probability: np.ndarray,
    truth: np.ndarray,
    valid: np.ndarray,
    horizons_s: Sequence[float] = HORIZONS_S,
    *,
    sigma: np.ndarray | None = None,
    step_s: float = STEP_S,
) -> dict[str, np.ndarray]:
    """Errors of N windows with K modes at H horizons.

    pose (N, K, T, 2) and truth (N, T, 2) in metres, probability (N, K), valid (N, T) bool; sigma
    (N, K, T, 3) of sigma_x, sigma_y, rho for `nll`. Returns arrays (N, H): the names of `MEANS`
    (`ade` and `fde` of the most likely mode, `miss_rate` 0 or 1), `nll` (negative log density of
    the truth at the horizon under the Gaussian mixture, in nats; NaN without sigma), `counts`
    (bool: the truth is known at the horizon) and `closest` (int: the mode that ends closest).
    Where `counts` is false the values are NaN. Averages over time leave out steps whose truth is
    unknown.

    Raises ValueError for a horizon that the arrays do not reach.
    """
    n, k, t = pose.shape[:3]
    steps = _last_steps(horizons_s, step_s, t)
    used = probability > 0.0
    truth = np.where(valid[..., None], truth, 0.0)
    off = pose - truth[:, None]
    distance = np.sqrt(np.square(off[..., 0]) + np.square(off[..., 1]))
    fde = np.where(used[..., None], distance[..., steps], np.inf)
    known = np.cumsum(valid, axis=-1)[:, None, steps]
    distance *= valid[:, None]
    total = np.cumsum(distance, axis=-1)[..., steps]
    ade = np.where(used[..., None], total / np.maximum(known, 1), np.inf)

    rows = np.arange(n)[:, None]
    columns = np.arange(len(steps))
    likely = np.argmax(probability, axis=1)[:, None] if k else np.zeros((n, 1), int)
    closest = np.argmin(fde, axis=1)
    min_fde = fde[rows, closest, columns]
    result = {
        'ade': ade[rows, likely, columns],
        'fde': fde[rows, likely, columns],
        'min_ade': ade.min(axis=1),
        'min_fde': min_fde,
        'miss_rate': (min_fde > MISS_M).astype(float),
        'brier_min_fde': min_fde + (1.0 - probability[rows, closest]) ** 2,
        'nll': np.full((n, len(steps)), np.nan)
        if sigma is None
        else negative_log_likelihood(
            pose[:, :, steps], sigma[:, :, steps], probability, truth[:, steps]
        ),
    }
    counts = valid[:, steps]
    result = {name: np.where(counts, values, np.nan) for name, values in result.items()}
    return {**result, 'counts': counts, 'closest': closest}


def _last_steps(horizons_s: Sequence[float], step_s: float, available: int) -> np.ndarray:
    steps = np.array([round(h / step_s) - 1 for h in horizons_s], dtype=int)
    if len(steps) and (steps.min() < 0 or steps.max() >= available):
        covered = available * step_s
        raise ValueError(f'horizons must lie in (0, {covered:g}] s, got {list(horizons_s)}')
    return steps


def negative_log_likelihood(
    pose: np.ndarray, sigma: np.ndarray, probability: np.ndarray, truth: np.ndarray
) -> np.ndarray:
    """(N, H) negative log density of the truth in nats, at H instants.

    pose (N, K, H, 2) and sigma (N, K, H, 3) of sigma_x, sigma_y, rho; probability (N, K); truth
    (N, H, 2).
    """
    used = probability > 0.0
    # Unused modes have no uncertainty worth the name: any that is valid will do, they weigh
    # nothing.
    sigma = np.where(used[..., None, None], sigma, np.array([1.0, 1.0, 0.0]))
    sx, sy, rho = np.moveaxis(sigma, -1, 0)
    dx, dy = np.moveaxis(truth[:, None] - pose, -1, 0)
    zx, zy = dx / sx, dy / sy
    rest = 1.0 - rho**2
    square = (zx**2 - 2.0 * rho * zx * zy + zy**2) / rest
    weight = np.where(used, np.log(np.where(used, probability, 1.0)), -np.inf)[..., None]
    log = weight - 0.5 * square - np.log(2.0 * np.pi * sx * sy * np.sqrt(rest))
    top = log.max(axis=1)
    return np.asarray(-(top + np.log(np.exp(log - top[:, None]).sum(axis=1))))


def is_moving(
    present: np.ndarray, truth: np.ndarray, valid: np.ndarray, *, step_s: float = STEP_S
) -> np.ndarray:
    """(N,) bool: mean speed above 0.5 m/s and net displacement above 2 m over the known future.

    present (N, 2) is the true position at the window's instant, truth (N, T, 2), valid (N, T).
    """
    path = np.concatenate([present[:, None], truth], axis=1)
    known = np.concatenate([np.ones((len(valid), 1), bool), valid], axis=1)
    # Where the position is unknown it is the last known one: nothing is travelled until the next.
    last = np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), 0), axis=1)
    path = np.take_along_axis(path, last[..., None], axis=1)
    travelled = np.linalg.norm(np.diff(path, axis=1), axis=-1).sum(axis=1)
    mean_speed = travelled / np.maximum(last[:, -1] * step_s, step_s)
    net = np.linalg.norm(path[:, -1] - present, axis=-1)
    moving: np.ndarray = (mean_speed > MOVING_SPEED_MPS) & (net > MOVING_DISTANCE_M)
    return moving


@dataclass
class Calibration:
    """How often modes of a given probability turn out right; a mode is right if it ends closest."""

    modes: np.ndarray = field(default_factory=lambda: np.zeros(CALIBRATION_BINS))
    right: np.ndarray = field(default_factory=lambda: np.zeros(CALIBRATION_BINS))
    claimed: np.ndarray = field(default_factory=lambda: np.zeros(CALIBRATION_BINS))

    def add(self, probability: np.ndarray, scores: Mapping[str, np.ndarray]) -> None:
        """Count all modes (N, K) of the windows, each at its longest horizon with a known truth."""
        counts = scores['counts']
        some = counts.sum(axis=1) > 0
        last = counts.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)
        closest = scores['closest'][np.arange(len(last)), last]
        right: np.ndarray = np.equal(closest[:, None], np.arange(probability.shape[1]))
        used = (probability > 0.0) & some[:, None]
        p = probability[used]
        bins = np.minimum((p * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        self.modes += np.bincount(bins, minlength=CALIBRATION_BINS)
        self.right += np.bincount(bins, right[used], minlength=CALIBRATION_BINS)
        self.claimed += np.bincount(bins, p, minlength=CALIBRATION_BINS)

    def merge(self, other: Calibration) -> None:
        self.modes += other.modes
        self.right += other.right
        self.claimed += other.claimed

    @property
    def error(self) -> float | None:
        """Expected calibration error in [0, 1]; None without windows."""
        total = self.modes.sum()
        if not total:
            return None
        return float(np.abs(self.right - self.claimed).sum() / total)


@dataclass
class Cell:
    """Sums over the windows of one class, kind of motion and horizon."""

    windows: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*MEANS, 'nll'), 0.0))

    def mean(self, name: str) -> float | None:
        """None without windows, and for `nll` if no uncertainty was scored."""
        if not self.windows or not np.isfinite(self.sums[name]):
            return None
        return self.sums[name] / self.windows

    def as_dict(self) -> dict[str, float | int | None]:
        return {**{name: self.mean(name) for name in MEANS}, 'windows': self.windows}


class Figures:
    """Figures of one predictor by class, moving or all, and horizon. Adds up, merges, prints."""

    def __init__(self, horizons_s: Sequence[float] = HORIZONS_S) -> None:
        self.horizons_s = tuple(horizons_s)
        self.calibration = Calibration()
        self._cells: dict[str, dict[str, list[Cell]]] = {}

    def add(
        self,
        scores: Mapping[str, np.ndarray],
        probability: np.ndarray,
        class_name: Sequence[str],
        moving: np.ndarray,
    ) -> None:
        """Add N windows: what `score` returned for them, and the class and motion of each."""
        self.calibration.add(probability, scores)
        names = np.asarray(class_name, dtype=object)
        for name in dict.fromkeys(class_name):
            of_class = names == name
            for motion, rows in ((ALL, of_class), (MOVING, of_class & moving)):
                for column, cell in enumerate(self._column(name, motion)):
                    _add(cell, scores, rows & scores['counts'][:, column], column)

    def merge(self, other: Figures) -> None:
        """Add what another has counted. Raises ValueError if its horizons differ."""
        if other.horizons_s != self.horizons_s:
            raise ValueError(f'horizons {other.horizons_s} do not merge into {self.horizons_s}')
        self.calibration.merge(other.calibration)
        for name, by_motion in other._cells.items():
            for motion, cells in by_motion.items():
                for mine, theirs in zip(self._column(name, motion), cells, strict=True):
                    _merge(mine, theirs)

    def _column(self, class_name: str, motion: str) -> list[Cell]:
        by_motion = self._cells.setdefault(
            class_name, {m: [Cell() for _ in self.horizons_s] for m in (MOVING, ALL)}
        )
        return by_motion[motion]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(self._cells))

    def cell(self, class_name: str, motion: str, horizon_s: float) -> Cell:
        """Raises KeyError for a class that never occurred, ValueError for another horizon."""
        return self._cells[class_name][motion][self.horizons_s.index(horizon_s)]

    def over_classes(
        self, motion: str, horizon_s: float, classes: Iterable[str] | None = None
    ) -> Cell:
        """The windows of several classes (None: of all) taken together."""
        total = Cell()
        for name in self.classes if classes is None else classes:
            if name in self._cells:
                _merge(total, self.cell(name, motion, horizon_s))
        return total

    def as_dict(self) -> dict[str, dict[str, dict[str, dict[str, float | int | None]]]]:
        """{class: {'moving'|'all': {'1s': {...}}}}; figures are None where there are no windows."""
        return {
            name: {
                motion: {
                    horizon_key(h): self.cell(name, motion, h).as_dict() for h in self.horizons_s
                }
                for motion in (MOVING, ALL)
            }
            for name in self.classes
        }


def horizon_key(horizon_s: float) -> str:
    """'5s' of 5.0."""
    return f'{horizon_s:g}s'


def _add(cell: Cell, scores: Mapping[str, np.ndarray], rows: np.ndarray, column: int) -> None:
    cell.windows += int(rows.sum())
    for name in cell.sums:
        cell.sums[name] += float(scores[name][rows, column].sum())


def _merge(cell: Cell, other: Cell) -> None:
    cell.windows += other.windows
    for name, value in other.sums.items():
        cell.sums[name] += value
