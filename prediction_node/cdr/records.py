"""Rows of fixed layout inside messages, as numpy structured types.

A `Record` covers a stretch of a message whose layout does not depend on the data before it. Its
field names are those of the arrays in `domain.message_arrays`, so one declaration serves reader and
writer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np


class Record:
    """A structured type in both byte orders.

    `fields` are (name, type, shape) without byte order; `offsets` and `size` place them where
    padding stands between them.
    """

    def __init__(
        self,
        fields: list[Any],
        offsets: list[int] | None = None,
        size: int | None = None,
    ) -> None:
        packed = np.dtype(fields)
        names = packed.names or ()
        places = [packed.fields[name][1] for name in names] if packed.fields else []
        layout: Any = {
            'names': list(names),
            'formats': [packed[name] for name in names],
            'offsets': places if offsets is None else offsets,
            'itemsize': packed.itemsize if size is None else size,
        }
        placed = np.dtype(layout)
        self.names: tuple[str, ...] = names
        self.native = placed.newbyteorder('=')
        self.little = placed.newbyteorder('<')
        self.big = placed.newbyteorder('>')
        self.size = placed.itemsize
        self.void = np.dtype(f'V{placed.itemsize}')

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one field of one row."""
        shape: tuple[int, ...] = self.native[name].shape
        return shape

    def base(self, name: str) -> np.dtype[Any]:
        """Scalar type of a field."""
        base: np.dtype[Any] = self.native[name].base
        return base


STAMP = Record([('sec', 'i4'), ('nanosec', 'u4')])

IDENTITY = Record([('object_id', 'u1', (16,)), ('existence_probability', 'f4')])

CLASSIFICATION = Record(
    [('class_label', 'u1'), ('class_probability', 'f4')], offsets=[0, 4], size=8
)

# PoseWithCovariance, TwistWithCovariance and AccelWithCovariance in a row: 127 doubles.
KINEMATICS = Record(
    [
        ('position', 'f8', (3,)),
        ('orientation', 'f8', (4,)),
        ('pose_covariance', 'f8', (6, 6)),
        ('twist_linear', 'f8', (3,)),
        ('twist_angular', 'f8', (3,)),
        ('twist_covariance', 'f8', (6, 6)),
        ('acceleration_linear', 'f8', (3,)),
        ('acceleration_angular', 'f8', (3,)),
        ('acceleration_covariance', 'f8', (6, 6)),
    ]
)

ODOMETRY = Record(
    [
        ('position', 'f8', (3,)),
        ('orientation', 'f8', (4,)),
        ('pose_covariance', 'f8', (6, 6)),
        ('twist_linear', 'f8', (3,)),
        ('twist_angular', 'f8', (3,)),
        ('twist_covariance', 'f8', (6, 6)),
    ]
)

TRANSFORM = Record([('translation', 'f8', (3,)), ('rotation', 'f8', (4,))])

# What follows the kinematics' doubles of a TrackedObject, up to the count of its footprint.
TRACKED_STATE = Record(
    [
        ('orientation_availability', 'u1'),
        ('is_stationary', 'u1'),
        ('shape_type', 'u1'),
        ('footprint_count', 'u4'),
    ],
    offsets=[0, 1, 2, 4],
    size=8,
)

# What follows the last path of a PredictedObject, up to the count of its footprint.
PREDICTED_SHAPE = Record([('shape_type', 'u1'), ('footprint_count', 'u4')], offsets=[0, 4], size=8)

FOOTPRINT = Record([('footprint', 'f4', (3,))])

DIMENSIONS = Record([('dimensions', 'f8', (3,))])

COUNT = Record([('count', 'u4')])

GROUP_ID = Record([('group_id', 'i8')])

HYPOTHESIS = Record(
    [
        ('hypothesis_score', 'f8'),
        ('hypothesis_position', 'f8', (3,)),
        ('hypothesis_orientation', 'f8', (4,)),
        ('hypothesis_covariance', 'f8', (6, 6)),
    ]
)

BOUNDING_BOX = Record([('position', 'f8', (3,)), ('orientation', 'f8', (4,)), ('size', 'f8', (3,))])

UUID = Record([('uuid', 'u1', (16,))])

# A RadarTrack after its UUID and the padding behind that.
RADAR_STATE = Record(
    [
        ('position', 'f8', (3,)),
        ('velocity', 'f8', (3,)),
        ('acceleration', 'f8', (3,)),
        ('size', 'f8', (3,)),
        ('classification', 'u2'),
        ('position_covariance', 'f4', (6,)),
        ('velocity_covariance', 'f4', (6,)),
        ('acceleration_covariance', 'f4', (6,)),
        ('size_covariance', 'f4', (6,)),
    ],
    offsets=[0, 24, 48, 72, 96, 100, 124, 148, 172],
    size=196,
)

LIGHT_ELEMENT = Record(
    [('color', 'u1'), ('shape', 'u1'), ('status', 'u1'), ('confidence', 'f4')],
    offsets=[0, 1, 2, 4],
    size=8,
)

POSE_SIZE = 56
PATH_MARGIN = 16  # a path's pose count before its poses, time step and confidence after them


PATH_END = Record([('sec', 'i4'), ('nanosec', 'u4'), ('confidence', 'f4')])


@lru_cache(maxsize=16)
def path_poses(poses: int) -> Record:
    """What lies in a PredictedPath between its COUNT and its PATH_END."""
    return Record([('poses', 'f8', (poses, 7))])


@lru_cache(maxsize=16)
def predicted_path(poses: int) -> Record:
    """A PredictedPath of `poses` poses.

    The record before its first path ends 4 bytes past a multiple of 8, and so does every path: the
    poses' doubles follow the count without padding, and paths follow each other without padding.
    """
    return Record(
        [
            ('count', 'u4'),
            ('poses', 'f8', (poses, 7)),
            ('sec', 'i4'),
            ('nanosec', 'u4'),
            ('confidence', 'f4'),
        ]
    )
