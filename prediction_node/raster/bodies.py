"""Agents as tables of whole numbers to paint."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import (
    ATTRIBUTE_COUNT,
    CLASS_COUNT,
    FRONT_WHEEL_ANGLE,
    ObjectClass,
)
from prediction_node.raster.manifest import CHANNELS, INDEX

# The smallest body that is drawn, to each side.
MIN_SIZE_M = 0.2
CLASS_CHANNEL = INDEX['car']
VALUE_CHANNEL = INDEX['velocity_x']
VALUES = INDEX['seen_by_thermal'] + 1 - VALUE_CHANNEL
_SEEN_FADES_AFTER_S = 1.0
_GAIN = np.array([1.0 / c.scale for c in CHANNELS[VALUE_CHANNEL : VALUE_CHANNEL + VALUES]])
_LOW = -np.array([float(c.offset) for c in CHANNELS[VALUE_CHANNEL : VALUE_CHANNEL + VALUES]])

_CLASS_OF: dict[int, str] = {
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
_PAST_OF: dict[int, str] = {
    **dict.fromkeys(ObjectClass, 'past_motor'),
    **dict.fromkeys((ObjectClass.MOTORCYCLE, ObjectClass.BICYCLE), 'past_two_wheeler'),
    **dict.fromkeys((ObjectClass.PEDESTRIAN, ObjectClass.ANIMAL), 'past_walker'),
}
_CLASSES = 7
_CLASS_SUM = np.zeros((CLASS_COUNT, _CLASSES))
for _label, _name in _CLASS_OF.items():
    _CLASS_SUM[_label, INDEX[_name] - CLASS_CHANNEL] = 1.0
_PAST_CHANNEL = np.array([INDEX[_PAST_OF[label]] for label in range(CLASS_COUNT)])


def poses(agents: Agents, origin: np.ndarray) -> np.ndarray:
    """(N, 4) x, y, cosine and sine of the heading in the view, whose pose in the map is `origin`
    (x, y, cosine, sine).
    """
    dx = agents.position_m[:, 0] - origin[0]
    dy = agents.position_m[:, 1] - origin[1]
    cos, sin = np.cos(agents.yaw_rad), np.sin(agents.yaw_rad)
    return np.column_stack([*_turned(dx, dy, origin), *_turned(cos, sin, origin)])


def sizes(agents: Agents) -> np.ndarray:
    """(N, 2) length and width, at least what can be drawn."""
    return np.ascontiguousarray(np.maximum(agents.size_m[:, :2], MIN_SIZE_M))


def shares(agents: Agents) -> np.ndarray:
    """(N, 7) int32 bytes of the class channels: probability times existence."""
    probability = agents.class_probabilities @ _CLASS_SUM * agents.existence[:, None]
    byte: np.ndarray = np.round(255.0 * np.clip(probability, 0.0, 1.0)).astype(np.int32)
    return byte


def values(agents: Agents, pose: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """(N, VALUES) int32: what the channels from `velocity_x` on hold of every agent, without their
    offset.
    """
    variance = agents.covariance[:, (0, 1, 3), (0, 1, 3)]
    table = np.zeros((len(agents), VALUES))
    columns = [
        *_turned(agents.velocity_mps[:, 0], agents.velocity_mps[:, 1], origin),
        pose[:, 2],
        pose[:, 3],
        agents.size_m[:, 0],
        agents.size_m[:, 1],
        np.sqrt(np.maximum(0.5 * (variance[:, 0] + variance[:, 1]), 0.0)),
        np.sqrt(np.maximum(variance[:, 2], 0.0)),
    ]
    count = len(columns)
    table[:, :count] = np.column_stack(columns)
    # Half of what an attribute may be stands for not knowing.
    known = np.where(agents.has_attribute, agents.attributes, 0.5)
    table[:, count : count + ATTRIBUTE_COUNT] = 2.0 * known - 1.0
    wheel = count + FRONT_WHEEL_ANGLE
    reported = agents.has_attribute[:, FRONT_WHEEL_ANGLE]
    table[:, wheel] = np.where(reported, agents.attributes[:, FRONT_WHEEL_ANGLE], 0.0)
    table[:, wheel + 1] = reported
    table[:, wheel + 2 :] = np.exp(-agents.modality_age_s / _SEEN_FADES_AFTER_S)
    table *= _GAIN
    return np.round(np.clip(table, _LOW, _LOW + 255.0)).astype(np.int32)


def past_channels(agents: Agents) -> np.ndarray:
    """(N,) int64 channel of every agent's past; negative for what hardly exists."""
    channel: np.ndarray = _PAST_CHANNEL[agents.label]
    return np.where(agents.existence > 0.0, channel, -1)


def _turned(x: np.ndarray, y: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the map frame in the view."""
    cos, sin = origin[2], origin[3]
    return cos * x + sin * y, cos * y - sin * x
