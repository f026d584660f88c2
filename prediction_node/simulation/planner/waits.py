"""Who has long been expected to start, and stands."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ObjectClass, class_mask
from prediction_node.domain.prediction import STEP_S
from prediction_node.simulation.futures import Futures

_MOVED_M, _MOVES_MPS = 1.0, 0.7  # beyond these somebody has started: positions and speeds are noisy
_WITHIN_STEPS = 30  # a start is what has left the place by then
_LONGEST_S = 0.5  # between two looks; after a gap nobody knows what happened meanwhile
# Walkers who stand while the robotaxi comes faster than this may well wait for it to pass.
_COMING_MPS = 3.0
_WALKERS = class_mask((ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL))


@dataclass(slots=True)
class _Wait:
    place_m: np.ndarray  # (2,)
    starts: float = 0.0  # that were to be expected by now


class Waits:
    """Predictions of those at rest who stay at rest prove wrong, cycle by cycle. Two who wait for
    each other would else wait for good, each predicting that the other goes.
    """

    def __init__(self, disbelief_starts: float) -> None:
        self._disbelief_starts = disbelief_starts
        self._waits: dict[bytes, _Wait] = {}
        self._stamp_ns = 0

    def look(self, futures: Futures, ego_mps: float) -> None:
        """Take in the predictions of a cycle; the same ones again change nothing."""
        passed_s = min((futures.stamp_ns - self._stamp_ns) * 1e-9, _LONGEST_S)
        if passed_s == 0.0:
            return
        self._stamp_ns = futures.stamp_ns
        moves = np.hypot(*futures.velocity_mps.T) > _MOVES_MPS
        expected = (futures.weight * _goes(futures.pose)).sum(axis=1) / (_WITHIN_STEPS * STEP_S)
        if ego_mps > _COMING_MPS:
            expected = np.where(_WALKERS[futures.label], 0.0, expected)
        waits: dict[bytes, _Wait] = {}
        for i, (uuid, place_m) in enumerate(zip(_uuids(futures), futures.position_m, strict=True)):
            wait = self._waits.get(uuid)
            if wait is None or moves[i] or np.hypot(*(place_m - wait.place_m)) > _MOVED_M:
                wait = _Wait(place_m)
            elif passed_s > 0.0:
                wait.starts += passed_s * float(expected[i])
            waits[uuid] = wait
        self._waits = waits

    def doubted(self, futures: Futures) -> Futures:
        """The same with a mode more: to stay in place. It takes its weight from those that start,
        the more the more starts were expected in vain.
        """
        starts = [self._waits[u].starts if u in self._waits else 0.0 for u in _uuids(futures)]
        doubt = 1.0 - np.exp(-np.array(starts) / self._disbelief_starts)
        taken = futures.weight * _goes(futures.pose, last=True) * doubt[:, None]
        stays = np.repeat(futures.pose[:, :1, :1], futures.pose.shape[2], axis=2)
        return dataclasses.replace(
            futures,
            pose=np.concatenate([futures.pose, stays], axis=1),
            weight=np.column_stack([futures.weight - taken, taken.sum(axis=1)]),
        )


def _uuids(futures: Futures) -> list[bytes]:
    return [each.tobytes() for each in futures.uuid]


def _goes(pose: np.ndarray, *, last: bool = False) -> np.ndarray:
    """(N, M) whether modes leave the place within the time of a start, or (`last`) at all."""
    step = -1 if last else min(_WITHIN_STEPS, pose.shape[2] - 1)
    away = pose[:, :, step, :2] - pose[:, :, 0, :2]
    return np.asarray(np.hypot(away[..., 0], away[..., 1]) > _MOVED_M)
