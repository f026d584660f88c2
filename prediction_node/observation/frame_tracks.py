"""One message's objects after judging, still in space and in the frame the message uses.

The sensor may be tilted (a camera's optical frame looks along z), so covariances and velocities
keep all three axes here; `to_map` turns them and keeps the horizontal part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields

import numpy as np

from prediction_node.observation.reasons import Reason

# What `vectors` and `covariances` hold, by their second index.
POSITION, FORWARD, VELOCITY, TURN_RATE = range(4)
POSITION_COVARIANCE, TURN_COVARIANCE, VELOCITY_COVARIANCE = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class FrameTracks:
    """N objects of one source at one instant in the frame `frame_id`.

    Where a `has_*` mask is false the value beside it has no meaning. A covariance that the message
    does not give (all zero) is masked too: the source's own noise takes its place in the map, where
    the range is known. What is turned alike stands in one array, so that it is turned at once.
    """

    source: str
    stamp_ns: int
    frame_id: str
    id_hash: np.ndarray  # (N,) uint64
    has_id: np.ndarray  # (N,) bool
    vectors: np.ndarray  # (N, 4, 3) axes of `frame_id`: position in m, direction of the object's x
    # axis, velocity in m/s over ground or relative, turn rate in rad/s
    covariances: np.ndarray  # (N, 3, 3, 3) of position, of a small turn, and of velocity
    has_covariance: np.ndarray  # (N, 3) bool
    orientation: np.ndarray  # (N,) int8, kinds.Orientation
    has_velocity: np.ndarray  # (N,) bool
    has_turn_rate: np.ndarray  # (N,) bool
    has_size: np.ndarray  # (N,) bool
    size_m: np.ndarray  # (N, 3)
    has_class: np.ndarray  # (N,) bool
    class_probabilities: np.ndarray  # (N, CLASS_COUNT)
    existence: np.ndarray  # (N,)
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT)
    has_attribute: np.ndarray  # (N, ATTRIBUTE_COUNT)

    def __len__(self) -> int:
        return len(self.id_hash)

    @property
    def position_m(self) -> np.ndarray:
        """(N, 3)."""
        return np.asarray(self.vectors[:, POSITION])

    @property
    def velocity_mps(self) -> np.ndarray:
        """(N, 3)."""
        return np.asarray(self.vectors[:, VELOCITY])

    @property
    def turn_rate_radps(self) -> np.ndarray:
        """(N, 3)."""
        return np.asarray(self.vectors[:, TURN_RATE])

    @property
    def has_position_covariance(self) -> np.ndarray:
        """(N,) bool."""
        return np.asarray(self.has_covariance[:, POSITION_COVARIANCE])

    @property
    def position_covariance(self) -> np.ndarray:
        """(N, 3, 3)."""
        return np.asarray(self.covariances[:, POSITION_COVARIANCE])

    @property
    def velocity_covariance(self) -> np.ndarray:
        """(N, 3, 3)."""
        return np.asarray(self.covariances[:, VELOCITY_COVARIANCE])

    @property
    def has_velocity_covariance(self) -> np.ndarray:
        """(N,) bool."""
        return np.asarray(self.has_covariance[:, VELOCITY_COVARIANCE])

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
