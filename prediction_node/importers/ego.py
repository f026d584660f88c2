"""Which recorded road user plays the robotaxi."""

from __future__ import annotations

import dataclasses

import numpy as np

from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.recording import Recording

DRIVEN = (ObjectClass.CAR, ObjectClass.TRUCK, ObjectClass.BUS)
MIN_TRAVEL_M = 2.0
MIN_MEAN_SPEED_MPS = 0.5


def choose_ego(recording: Recording) -> int | None:
    """The row of the moving car, truck or bus that is there longest; of equals the most central.

    Moving: travels more than 2 m from end to end at more than 0.5 m/s on average. Central: least
    mean distance to the others over the time they share. None if nobody drives.
    """
    best: tuple[int, float, int] | None = None
    for row in range(len(recording.track_id)):
        here = recording.valid[row]
        if ObjectClass(int(recording.label[row])) not in DRIVEN or here.sum() < 2:
            continue
        path = recording.position_m[row, here, :2]
        speed = np.hypot(*recording.velocity_mps[row, here].T)
        if np.hypot(*(path[-1] - path[0])) <= MIN_TRAVEL_M or speed.mean() <= MIN_MEAN_SPEED_MPS:
            continue
        offset = recording.position_m[:, here, :2] - path
        both = recording.valid[:, here].copy()
        both[row] = False
        distance = (
            float(np.hypot(offset[..., 0], offset[..., 1])[both].mean()) if both.any() else 0.0
        )
        rank = (-int(here.sum()), distance, row)
        if best is None or rank < best:
            best = rank
    return None if best is None else best[2]


def with_ego(recording: Recording, track_id: str | None) -> Recording:
    """The recording with the named track (None: the one `choose_ego` finds) as the robotaxi.

    Raises DataError for a track that is not there, or if nobody can be the robotaxi.
    """
    if track_id is None:
        row = choose_ego(recording)
        if row is None:
            raise DataError(f'{recording.name}: no moving car, truck or bus can play the robotaxi')
    elif track_id in recording.track_id:
        row = recording.track_id.index(track_id)
    else:
        known = ', '.join(recording.track_id[:8])
        raise DataError(f'{recording.name}: no track {track_id!r}; there are {known}, ...')
    return dataclasses.replace(recording, ego=row)
