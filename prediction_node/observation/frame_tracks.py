"""One message's objects after judging, still in space and in the frame the message uses.

The sensor may be tilted (a camera's optical frame looks along z), so covariances and velocities
keep all three axes here; `to_map` turns them and keeps the horizontal part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields

import numpy as np

from prediction_node.observation.reasons import Reason


@dataclass(frozen=True, slots=True, eq=False)
class FrameTracks:
    """N objects of one source at one instant in the frame `frame_id`.

    Where a `has_*` mask is false the value beside it has no meaning. A covariance that the message
    does not give (all zero) is masked too: the source's own noise takes its place in the map, where
    the range is known.
    """

    source: str
    stamp_ns: int
    frame_id: str
    id_hash: np.ndarray  # (N,) uint64
    has_id: np.ndarray  # (N,) bool
    position_m: np.ndarray  # (N, 3)
    position_covariance: np.ndarray  # (N, 3, 3)
    has_position_covariance: np.ndarray  # (N,) bool
    orientation: np.ndarray  # (N,) int8, kinds.Orientation
    axes: np.ndarray  # (N, 3, 3) rotation from the object's axes to `frame_id`
    axes_covariance: np.ndarray  # (N, 3, 3) of a small turn about the axes of `frame_id`
    has_axes_covariance: np.ndarray  # (N,) bool
    has_velocity: np.ndarray  # (N,) bool
    velocity_mps: np.ndarray  # (N, 3) over ground or relative, axes of `frame_id`
    velocity_covariance: np.ndarray  # (N, 3, 3)
    has_velocity_covariance: np.ndarray  # (N,) bool
    has_turn_rate: np.ndarray  # (N,) bool
    turn_rate_radps: np.ndarray  # (N, 3) about the axes of `frame_id`
    has_size: np.ndarray  # (N,) bool
    size_m: np.ndarray  # (N, 3)
    has_class: np.ndarray  # (N,) bool
    class_probabilities: np.ndarray  # (N, CLASS_COUNT)
    existence: np.ndarray  # (N,)
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (N, ATTRIBUTE_COUNT)

    def __len__(self) -> int:
        return len(self.position_m)

    def select(self, index: np.ndarray) -> FrameTracks:
        """The rows that `index` (bool mask or integers) picks."""
        rows = {name: getattr(self, name)[index] for name in _ROW_FIELDS}
        return FrameTracks(
            source=self.source, stamp_ns=self.stamp_ns, frame_id=self.frame_id, **rows
        )


_ROW_FIELDS = tuple(
    f.name for f in fields(FrameTracks) if f.name not in ('source', 'stamp_ns', 'frame_id')
)


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """What became of one message: the objects that passed, and how many did not, by reason."""

    tracks: FrameTracks
    received: int
    refused: Counter[Reason]
