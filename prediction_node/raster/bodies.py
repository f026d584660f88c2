"""Agents as tables of whole numbers to paint."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from prediction_node.compiled import compiled
from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import CLASS_COUNT, FRONT_WHEEL_ANGLE, ObjectClass
from prediction_node.raster.manifest import CHANNELS, INDEX

CLASS_CHANNEL = INDEX['car']
VALUE_CHANNEL = INDEX['velocity_x']
VALUES = INDEX['seen_by_thermal'] + 1 - VALUE_CHANNEL
_SCALE = np.array([channel.scale for channel in CHANNELS[VALUE_CHANNEL:][:VALUES]])
_LOW = -np.array([channel.offset for channel in CHANNELS[VALUE_CHANNEL:][:VALUES]], np.float64)
_CLASS_NAME: dict[int, str] = {
    ObjectClass.UNKNOWN: 'unknown',
    ObjectClass.CAR: 'car',
    ObjectClass.TRUCK: 'heavy',
    ObjectClass.BUS: 'heavy',
    ObjectClass.TRAILER: 'heavy',
    ObjectClass.MOTORCYCLE: 'motorcycle',
    ObjectClass.BICYCLE: 'bicycle',
    ObjectClass.PEDESTRIAN: 'pedestrian',
    ObjectClass.ANIMAL: 'animal',
}
_PAST_NAME: dict[int, str] = {
    **dict.fromkeys(ObjectClass, 'past_motor'),
    **dict.fromkeys((ObjectClass.MOTORCYCLE, ObjectClass.BICYCLE), 'past_two_wheeler'),
    **dict.fromkeys((ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL), 'past_walker'),
}
CLASSES = len(set(_CLASS_NAME.values()))
_CLASS_COLUMN = np.array([INDEX[_CLASS_NAME[c]] - CLASS_CHANNEL for c in range(CLASS_COUNT)])
_PAST_CHANNEL = np.array([INDEX[_PAST_NAME[c]] for c in range(CLASS_COUNT)])


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """N agents as the painting kernels want them; poses in the view frame."""

    pose: np.ndarray  # (N, 4) x, y, cosine and sine of the heading
    size_m: np.ndarray  # (N, 2) length and width, at least what can be drawn
    share: np.ndarray  # (N, CLASSES) int32 bytes: probability times existence
    value: np.ndarray  # (N, VALUES) int32: channels from `velocity_x` on, without their offset
    past: np.ndarray  # (N,) int64 channel of its past

    @classmethod
    def of(cls, agents: Agents, origin: np.ndarray) -> Bodies:
        """As seen from `origin`: x, y, cosine and sine of the view's pose in the map frame."""
        n = len(agents)
        bodies = cls(
            pose=np.empty((n, 4)),
            size_m=np.empty((n, 2)),
            share=np.empty((n, CLASSES), np.int32),
            value=np.empty((n, VALUES), np.int32),
            past=np.empty(n, np.int64),
        )
        _describe(
            as_table(agents.position_m),
            as_table(agents.yaw_rad),
            as_table(agents.velocity_mps),
            as_table(agents.covariance),
            as_table(agents.size_m),
            as_table(agents.class_probabilities),
            as_table(agents.existence),
            as_table(agents.attributes),
            np.ascontiguousarray(agents.has_attribute),
            as_table(agents.modality_age_s),
            origin,
            FRONT_WHEEL_ANGLE,
            _CLASS_COLUMN,
            _PAST_CHANNEL,
            _SCALE,
            _LOW,
            bodies.pose,
            bodies.size_m,
            bodies.share,
            bodies.value,
            bodies.past,
        )
        return bodies


def as_table(values: np.ndarray) -> np.ndarray:
    """`values` as kernels take them: float64, C-contiguous, writeable."""
    values = np.ascontiguousarray(values, np.float64)
    return values if values.flags.writeable else values.copy()


# The smallest body that is drawn, to each side.
_MIN_SIZE_M = 0.2
_SEEN_FADES_AFTER_S = 1.0


@compiled
def _describe(
    position_m: np.ndarray,
    yaw_rad: np.ndarray,
    velocity_mps: np.ndarray,
    covariance: np.ndarray,
    body_m: np.ndarray,
    probability: np.ndarray,
    existence: np.ndarray,
    attribute: np.ndarray,
    has_attribute: np.ndarray,
    age_s: np.ndarray,
    origin: np.ndarray,
    wheel_angle: int,
    class_column: np.ndarray,
    past_channel: np.ndarray,
    scale: np.ndarray,
    low: np.ndarray,
    pose: np.ndarray,
    size_m: np.ndarray,
    share: np.ndarray,
    value: np.ndarray,
    past: np.ndarray,
) -> None:
    """Fill the last five arrays, those of `Bodies`, from the fields of `Agents`."""
    cos, sin = origin[2], origin[3]
    row = np.empty(value.shape[1])
    total = np.empty(share.shape[1])
    for i in range(len(position_m)):
        dx, dy = position_m[i, 0] - origin[0], position_m[i, 1] - origin[1]
        hx, hy = math.cos(yaw_rad[i]), math.sin(yaw_rad[i])
        pose[i, 0], pose[i, 1] = cos * dx + sin * dy, cos * dy - sin * dx
        pose[i, 2], pose[i, 3] = cos * hx + sin * hy, cos * hy - sin * hx
        for k in range(2):
            size_m[i, k] = max(body_m[i, k], _MIN_SIZE_M)
        total[:] = 0.0
        likeliest = 0
        for k in range(probability.shape[1]):
            total[class_column[k]] += probability[i, k]
            if probability[i, k] > probability[i, likeliest]:
                likeliest = k
        past[i] = past_channel[likeliest]
        for k in range(share.shape[1]):
            part = min(max(total[k] * existence[i], 0.0), 1.0)
            share[i, k] = math.floor(255.0 * part + 0.5)
        vx, vy = velocity_mps[i, 0], velocity_mps[i, 1]
        row[0], row[1] = cos * vx + sin * vy, cos * vy - sin * vx
        row[2], row[3] = pose[i, 2], pose[i, 3]
        row[4], row[5] = body_m[i, 0], body_m[i, 1]
        row[6] = math.sqrt(max(0.5 * (covariance[i, 0, 0] + covariance[i, 1, 1]), 0.0))
        row[7] = math.sqrt(max(covariance[i, 3, 3], 0.0))
        at = 8
        for k in range(attribute.shape[1]):
            known = has_attribute[i, k]
            # Half of what a probability may be stands for not knowing.
            row[at] = 2.0 * attribute[i, k] - 1.0 if known else 0.0
            if k == wheel_angle:
                row[at] = attribute[i, k] if known else 0.0
                row[at + 1] = 1.0 if known else 0.0
                at += 1
            at += 1
        for k in range(age_s.shape[1]):
            row[at + k] = math.exp(-age_s[i, k] / _SEEN_FADES_AFTER_S)
        for k in range(value.shape[1]):
            number = min(max(row[k] / scale[k], low[k]), low[k] + 255.0)
            value[i, k] = math.floor(number + 0.5)
