"""What one sensor reports at one instant, all objects at once."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT, Modality


@dataclass(frozen=True, slots=True, eq=False)
class SensorTracks:
    """N tracks or detections of one source at one instant, in the frame `frame_id`.

    Every array has N rows. What a sensor does not report is masked, never filled in: where a
    `has_*` mask is false (or `orientation` is UNAVAILABLE) the value beside it has no meaning.
    """

    source: str
    modality: Modality
    stamp_ns: int
    frame_id: str
    id_hash: np.ndarray  # (N,) uint64, hash of the sensor's own track id: a hint, never the truth
    has_id: np.ndarray  # (N,) bool
    position_m: np.ndarray  # (N, 3) centre of the object
    position_covariance: np.ndarray  # (N, 2, 2) of x, y
    orientation: np.ndarray  # (N,) int8, kinds.Orientation
    yaw_rad: np.ndarray  # (N,)
    yaw_variance: np.ndarray  # (N,)
    has_velocity: np.ndarray  # (N,) bool
    velocity_mps: np.ndarray  # (N, 2) over ground, axes of frame_id
    velocity_covariance: np.ndarray  # (N, 2, 2)
    has_yaw_rate: np.ndarray  # (N,) bool
    yaw_rate_radps: np.ndarray  # (N,)
    has_size: np.ndarray  # (N,) bool
    size_m: np.ndarray  # (N, 3) length, width, height
    has_class: np.ndarray  # (N,) bool
    class_probabilities: np.ndarray  # (N, CLASS_COUNT), rows sum to one
    existence: np.ndarray  # (N,) in [0, 1]
    attributes: np.ndarray  # (N, ATTRIBUTE_COUNT) probabilities; the last is an angle
    has_attribute: np.ndarray  # (N, ATTRIBUTE_COUNT) bool

    def __post_init__(self) -> None:
        expected = _shapes(len(self.position_m))
        actual = tuple([rows.shape for rows in _row_arrays(self)])
        if actual != expected:
            for name, shape, of_field in zip(ROW_FIELDS, expected, actual, strict=True):
                if of_field != shape:
                    raise ValueError(f'SensorTracks.{name} must have shape {shape}, got {of_field}')

    def __len__(self) -> int:
        return len(self.position_m)

    def select(self, index: np.ndarray) -> SensorTracks:
        """The rows that `index` (bool mask or integers) picks."""
        rows = {name: getattr(self, name)[index] for name in ROW_FIELDS}
        return SensorTracks(
            source=self.source,
            modality=self.modality,
            stamp_ns=self.stamp_ns,
            frame_id=self.frame_id,
            **rows,
        )


ROW_FIELDS: tuple[str, ...] = tuple(
    name
    for name in SensorTracks.__dataclass_fields__
    if name not in ('source', 'modality', 'stamp_ns', 'frame_id')
)
_row_arrays = operator.attrgetter(*ROW_FIELDS)
_ROW_SHAPES: dict[str, tuple[int, ...]] = {
    'position_m': (3,),
    'position_covariance': (2, 2),
    'velocity_mps': (2,),
    'velocity_covariance': (2, 2),
    'size_m': (3,),
    'class_probabilities': (CLASS_COUNT,),
    'attributes': (ATTRIBUTE_COUNT,),
    'has_attribute': (ATTRIBUTE_COUNT,),
}


@functools.lru_cache(maxsize=1024)
def _shapes(n: int) -> tuple[tuple[int, ...], ...]:
    """What the shapes of the ROW_FIELDS of n tracks must be."""
    return tuple((n, *_ROW_SHAPES.get(name, ())) for name in ROW_FIELDS)
