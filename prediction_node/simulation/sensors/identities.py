"""The track ids that a sensor gives, which say nothing of who is meant."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.stamps import NS_PER_S
from prediction_node.simulation.sensors.parameters import SensorParameters


class Identities:
    """Ids of the road users by row: kept while it sees one, new after a gap or by mistake."""

    def __init__(self, name: str, sensor: SensorParameters, seed: int) -> None:
        self._prefix = f'{seed}/{name}'
        self._sensor = sensor
        self._generation = np.zeros(0, dtype=np.int64)
        self._last_ns = np.zeros(0, dtype=np.int64)
        self._uuid = np.zeros((0, 16), dtype=np.uint8)

    def of(
        self, track_id: Sequence[str], row: np.ndarray, stamp_ns: int, mistaken: np.ndarray
    ) -> np.ndarray:
        """(M, 16) uint8 of the objects of these rows, seen at `stamp_ns`.

        `mistaken` (M,) is uniform in [0, 1): below `id_switch` the id is mixed up.
        """
        self._grow(len(track_id))
        known = self._last_ns[row] >= 0
        gap_s = (stamp_ns - self._last_ns[row]) / NS_PER_S
        lost = (gap_s > self._sensor.id_memory_s) | (mistaken < self._sensor.id_switch)
        self._generation[row] += known & lost
        self._last_ns[row] = stamp_ns
        for i in row[~known | lost].tolist():
            self._uuid[i] = name_uuid(f'{self._prefix}/{track_id[i]}/{self._generation[i]}')
        return np.asarray(self._uuid[row])

    def _grow(self, n: int) -> None:
        more = n - len(self._last_ns)
        if more > 0:
            more = max(more, len(self._last_ns))  # twice as many: rarely
            self._generation = np.concatenate([self._generation, np.zeros(more, np.int64)])
            self._last_ns = np.concatenate([self._last_ns, np.full(more, -1, np.int64)])
            self._uuid = np.concatenate([self._uuid, np.zeros((more, 16), np.uint8)])


def name_uuid(name: str) -> np.ndarray:
    """(16,) uint8 that depend on the name alone."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype=np.uint8)
