"""How much traffic a recording holds."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S

MOVING_MPS = 0.1
NEAR_M = 100.0


def agent_seconds(recording: Recording) -> float:
    """Time of all road users but the robotaxi, while they move or are within 100 m of it."""
    if len(recording.stamp_ns) < 2:
        return 0.0
    step_s = np.diff(recording.stamp_ns, append=recording.stamp_ns[-1:]) / NS_PER_S
    return float((_counted(recording) * step_s).sum())


def _counted(recording: Recording) -> np.ndarray:
    """(N, T) bool."""
    velocity = recording.velocity_mps
    counted = np.hypot(velocity[..., 0], velocity[..., 1]) > MOVING_MPS
    if recording.ego is not None:
        ego = recording.ego
        offset = recording.position_m[..., :2] - recording.position_m[ego, :, :2]
        near = np.hypot(offset[..., 0], offset[..., 1]) <= NEAR_M
        counted |= near & recording.valid[ego]
        counted[ego] = False
    return np.asarray(counted & recording.valid)


def agents_by_class(recording: Recording) -> dict[str, int]:
    """Road users but the robotaxi, by class; classes that nobody is of are left out."""
    others = np.arange(len(recording.track_id)) != recording.ego
    there = recording.valid.any(axis=1) & others
    count = np.bincount(recording.label[there], minlength=len(CLASS_NAMES))
    return {name: int(k) for name, k in zip(CLASS_NAMES, count, strict=True) if k}
