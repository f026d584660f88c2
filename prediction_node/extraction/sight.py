"""Whom a vehicle in a recording knows of, instant by instant, from what its sensors could see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import MODALITY_COUNT, MODALITY_NAMES, Modality
from prediction_node.domain.stamps import NS_PER_S

COAST_S = 0.5  # a fusion believes in what nobody sees any more for about as long
ATTRIBUTE_MEMORY_S = 1.0
ATTRIBUTE_REACH_M = 50.0  # as modelled cameras have it: farther away there are too few pixels


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """When each modality could see each of N road users: at V instants, (MODALITY_COUNT, N, V)."""

    stamp_ns: np.ndarray  # (V,) int64, increasing
    seen: np.ndarray  # (MODALITY_COUNT, N, V) bool

    @classmethod
    def of_sensors(
        cls, sensors: tuple[str, ...], stamp_ns: np.ndarray, in_view: np.ndarray, name: str
    ) -> Sight:
        """From what each of S sensors could report, in_view (S, N, V).

        A sensor's modality is the one its name begins with (`camera_front_left`). Raises DataError
        where it begins with none, naming the recording.
        """
        seen = np.zeros((MODALITY_COUNT, *in_view.shape[1:]), bool)
        for sensor, view in zip(sensors, in_view, strict=True):
            modality = next((m for m in MODALITY_NAMES if sensor.startswith(m)), None)
            if modality is None:
                known = ', '.join(MODALITY_NAMES)
                raise DataError(f'{name}: sensor {sensor!r} begins with none of {known}')
            seen[MODALITY_NAMES.index(modality)] |= view
        return cls(stamp_ns, seen)

    def ages_s(self, stamp_ns: int) -> np.ndarray:
        """(N, MODALITY_COUNT) seconds since last seen by each modality, inf if never.

        Nothing later than `stamp_ns` is looked at. Who was seen at the last of the V instants is
        taken to be in view until the next.
        """
        n = self.seen.shape[1]
        last = int(np.searchsorted(self.stamp_ns, stamp_ns, side='right')) - 1
        if last < 0:
            return np.full((n, MODALITY_COUNT), np.inf)
        past = self.seen[:, :, : last + 1]
        since = np.argmax(past[:, :, ::-1], axis=2)  # instants ago
        # Out of view from the instant after the last sighting on.
        gone_ns = self.stamp_ns[np.minimum(last - since + 1, last)]
        age = np.where(since == 0, 0.0, (stamp_ns - gone_ns) / NS_PER_S)
        return np.asarray(np.where(past.any(axis=2), age, np.inf).T)


def knows_attributes(ages_s: np.ndarray, distance_m: np.ndarray) -> np.ndarray:
    """(N,) bool: a camera has seen the body lately and is near enough to recognise anything."""
    recent = ages_s[:, Modality.CAMERA] <= ATTRIBUTE_MEMORY_S
    return np.asarray(recent & (distance_m <= ATTRIBUTE_REACH_M))
