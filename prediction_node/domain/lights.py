"""Live traffic-light states."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import Turn


class LightColour(enum.IntEnum):
    """Numbered as autoware_perception_msgs/TrafficLightElement colours."""

    UNKNOWN = 0
    RED = 1
    AMBER = 2
    GREEN = 3
    WHITE = 4


class LightShape(enum.IntEnum):
    """Numbered as autoware_perception_msgs/TrafficLightElement shapes."""

    UNKNOWN = 0
    CIRCLE = 1
    LEFT_ARROW = 2
    RIGHT_ARROW = 3
    UP_ARROW = 4
    UP_LEFT_ARROW = 5
    UP_RIGHT_ARROW = 6
    DOWN_ARROW = 7
    DOWN_LEFT_ARROW = 8
    DOWN_RIGHT_ARROW = 9
    CROSS = 10


# The turns that an arrow rules; a disc rules all of them.
ARROW_TURNS: dict[int, tuple[int, ...]] = {
    LightShape.LEFT_ARROW: (Turn.LEFT,),
    LightShape.DOWN_LEFT_ARROW: (Turn.LEFT,),
    LightShape.RIGHT_ARROW: (Turn.RIGHT,),
    LightShape.DOWN_RIGHT_ARROW: (Turn.RIGHT,),
    LightShape.UP_ARROW: (Turn.STRAIGHT, Turn.NONE),
    LightShape.UP_LEFT_ARROW: (Turn.STRAIGHT, Turn.NONE, Turn.LEFT),
    LightShape.UP_RIGHT_ARROW: (Turn.STRAIGHT, Turn.NONE, Turn.RIGHT),
}


@dataclass(frozen=True, slots=True, eq=False)
class LightStates:
    """E lamps that are on, each of one signal group; the newest message of each group."""

    group_id: np.ndarray  # (E,) int64
    colour: np.ndarray  # (E,) int8, LightColour
    shape: np.ndarray  # (E,) int8, LightShape
    confidence: np.ndarray  # (E,) in [0, 1]
    stamp_ns: np.ndarray  # (E,) int64, when it was seen

    @classmethod
    def none(cls) -> LightStates:
        return cls(
            np.zeros(0, np.int64),
            np.zeros(0, np.int8),
            np.zeros(0, np.int8),
            np.zeros(0),
            np.zeros(0, np.int64),
        )

    def __len__(self) -> int:
        return len(self.group_id)
