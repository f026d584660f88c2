"""Recordings of data sets that give points: no boxes, no headings, no velocities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.lights import LightStates
from prediction_node.domain.recording import Recording
from prediction_node.importers.body import USUAL_SIZE_M
from prediction_node.importers.motion import trailing_velocity

MIN_COURSE_SPEED_MPS = 0.5  # slower, noise decides which way somebody seems to go
MAX_GAP_NS = 250_000_000


def recording_of_points(
    name: str,
    track_id: Sequence[str],
    label: np.ndarray,
    stamp_ns: np.ndarray,
    position_m: np.ndarray,
    valid: np.ndarray,
    yaw_rad: np.ndarray | None = None,
) -> Recording:
    """A recording of N points over T instants, on flat ground, without a robotaxi.

    label (N,), stamp_ns (T,), position_m (N, T, 2), valid (N, T). Velocities are slopes over the
    last steps and headings are courses, so neither knows anything of the future: who stands keeps
    the heading of his last steps, and who has never moved looks along x. Boxes are those usual for
    the class. A track begins with its second point, the first that has a velocity; tracks of one
    point are left out. `yaw_rad` (N, T): headings where the data set gives them.
    """
    n, t = valid.shape
    position = np.zeros((n, t, 3))
    position[..., :2] = np.where(valid[..., None], position_m, 0.0)
    position[..., 2] = 0.5 * USUAL_SIZE_M[label, 2][:, None]
    velocity, known = trailing_velocity(position, valid, stamp_ns, MAX_GAP_NS)
    there = valid & known
    rows = np.flatnonzero(there.any(axis=1))
    if yaw_rad is None:
        yaw_rad = _courses(velocity, there)
    n = len(rows)
    return Recording(
        name=name,
        stamp_ns=stamp_ns,
        track_id=tuple(track_id[k] for k in rows.tolist()),
        label=label[rows].astype(np.int8),
        size_m=USUAL_SIZE_M[label[rows]],
        position_m=position[rows],
        yaw_rad=yaw_rad[rows],
        velocity_mps=velocity[rows],
        valid=there[rows],
        # Views of a single value: of thousands of instants nothing is known.
        attributes=np.broadcast_to(np.zeros(()), (n, t, ATTRIBUTE_COUNT)),
        has_attribute=np.broadcast_to(np.zeros((), bool), (n, t, ATTRIBUTE_COUNT)),
        ego=None,
        lights=(LightStates.none(),) * t,
    )


def _courses(velocity_mps: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(N, T) direction of the last motion up to each instant."""
    course = np.arctan2(velocity_mps[..., 1], velocity_mps[..., 0])
    speed = np.hypot(velocity_mps[..., 0], velocity_mps[..., 1])
    moving = valid & (speed > MIN_COURSE_SPEED_MPS)
    instants = np.arange(valid.shape[1])
    last = np.maximum.accumulate(np.where(moving, instants, -1), axis=1)
    held = np.take_along_axis(course, np.maximum(last, 0), axis=1)
    return np.asarray(np.where(last >= 0, held, 0.0))
