"""Agents whose attributes, or lamps, say what they will do before their motion does; and the same
scenes with that sign hidden, or turned into its opposite.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import (
    ATTRIBUTE_INDEX,
    FRONT_WHEEL_ANGLE,
    MOTOR_VEHICLES,
    WALKERS,
    ObjectClass,
    class_mask,
)
from prediction_node.domain.lights import LightColour, LightStates
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.windows import Window

STANDING_MPS = 0.5
PULLS_OUT_M = 3.0
WHEELS_RAD = 0.12  # turned for more than keeping a lane
TURN_RAD = np.radians(25.0)
NEAR_STOP_LINE_M = 45.0
LANE_HALF_WIDTH_M = 2.0

_MOTOR = class_mask(MOTOR_VEHICLES)
_WALKER = class_mask(WALKERS)
_LANE_USER = class_mask((*MOTOR_VEHICLES, ObjectClass.BICYCLE))

Select = Callable[[Window], np.ndarray]  # (M,) bool among the judged
Change = Callable[[Scene, np.ndarray], Scene]  # the scene and rows of its agents


@dataclass(frozen=True, slots=True)
class Precedent:
    """A sign that comes before the behaviour: whose it is, how to hide it, how to reverse it."""

    name: str
    meaning: str
    select: Select
    hide: Change
    reverse: Change


def _reported(window: Window, attribute: str) -> np.ndarray:
    """(M,) value where it is reported, else NaN."""
    column = ATTRIBUTE_INDEX[attribute]
    agents, rows = window.scene.agents, window.judged
    return np.where(agents.has_attribute[rows, column], agents.attributes[rows, column], np.nan)


def _displacement_m(window: Window) -> np.ndarray:
    """(M,) of the last known position."""
    last = _last(window)
    place = window.truth_m[np.arange(len(last)), last]
    gap = place - window.scene.agents.position_m[window.judged, :2]
    return np.where(window.valid.any(axis=1), np.hypot(gap[:, 0], gap[:, 1]), 0.0)


def _last(window: Window) -> np.ndarray:
    t = window.valid.shape[1]
    return np.asarray(t - 1 - np.argmax(window.valid[:, ::-1], axis=1))


def _turned_rad(window: Window) -> np.ndarray:
    """(M,) how far the direction of the last known metres is left of the present heading."""
    rows, last = np.arange(len(window.judged)), _last(window)
    way = window.truth_m[rows, last] - window.truth_m[rows, np.maximum(last - 10, 0)]
    yaw = window.scene.agents.yaw_rad[window.judged]
    along = way[:, 0] * np.cos(yaw) + way[:, 1] * np.sin(yaw)
    left = -way[:, 0] * np.sin(yaw) + way[:, 1] * np.cos(yaw)
    moved = np.hypot(along, left) > 1.0
    return np.where(moved, np.arctan2(left, np.where(moved, along, 1.0)), 0.0)


def _turned_wheels(window: Window) -> np.ndarray:
    angle = np.abs(_reported(window, 'front_wheel_angle_rad')) > WHEELS_RAD
    standing = np.abs(window.scene.agents.speed_mps[window.judged]) < STANDING_MPS
    goes = _displacement_m(window) > PULLS_OUT_M
    return np.asarray(_MOTOR[window.label] & standing & angle & goes)


def _signalling(window: Window) -> np.ndarray:
    turn = _turned_rad(window)
    left = (_reported(window, 'turn_left') > 0.5) & (turn > TURN_RAD)
    right = (_reported(window, 'turn_right') > 0.5) & (turn < -TURN_RAD)
    return np.asarray(_LANE_USER[window.label] & (left | right))


def _on_the_phone(window: Window) -> np.ndarray:
    return np.asarray(_WALKER[window.label] & (_reported(window, 'phone_in_hand') > 0.5))


def _braking(window: Window) -> np.ndarray:
    moving = np.abs(window.scene.agents.speed_mps[window.judged]) > 2.0
    return np.asarray(_LANE_USER[window.label] & moving & (_reported(window, 'brake') > 0.5))


def _before_red(window: Window) -> np.ndarray:
    """Moving towards a stop line at red, straight ahead and not far."""
    scene, rows = window.scene, window.judged
    lane_map = scene.lane_map
    found = np.zeros(len(rows), bool)
    if lane_map is None:
        return found
    red = scene.lights.group_id[scene.lights.colour == LightColour.RED]
    agents = scene.agents
    heading = np.stack([np.cos(agents.yaw_rad[rows]), np.sin(agents.yaw_rad[rows])], axis=-1)
    for group in np.flatnonzero(np.isin(lane_map.light_group_id, red)):
        for line in lane_map.light_stop_line[group]:
            points = lane_map.stop_lines[int(line)][:, :2]
            gap = points.mean(axis=0) - agents.position_m[rows, :2]
            ahead = (gap * heading).sum(axis=1)
            side = np.abs(gap[:, 1] * heading[:, 0] - gap[:, 0] * heading[:, 1])
            # Lines may span all lanes of a direction.
            half = max(LANE_HALF_WIDTH_M, 0.5 * float(np.hypot(*(points[-1] - points[0]))))
            across = points[-1] - points[0]
            squarely = np.abs(heading @ across) < 0.5 * float(np.hypot(*across))
            found |= (ahead > 2.0) & (ahead < NEAR_STOP_LINE_M) & (side < half) & squarely
    return np.asarray(_LANE_USER[window.label] & found & (agents.speed_mps[rows] > 2.0))


def _hide(*attributes: str) -> Change:
    columns = [ATTRIBUTE_INDEX[name] for name in attributes]

    def change(scene: Scene, rows: np.ndarray) -> Scene:
        agents = scene.agents
        known, values = agents.has_attribute.copy(), agents.attributes.copy()
        known[rows[:, None], columns] = False
        values[rows[:, None], columns] = 0.0
        hidden = dataclasses.replace(agents, has_attribute=known, attributes=values)
        return dataclasses.replace(scene, agents=hidden)

    return change


def _set(column: int, value: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change(scene: Scene, rows: np.ndarray) -> Scene:
        values = scene.agents.attributes.copy()
        values[rows, column] = value(values[rows, column])
        return dataclasses.replace(
            scene, agents=dataclasses.replace(scene.agents, attributes=values)
        )

    return change


def _swap_signals(scene: Scene, rows: np.ndarray) -> Scene:
    left, right = ATTRIBUTE_INDEX['turn_left'], ATTRIBUTE_INDEX['turn_right']
    values = scene.agents.attributes.copy()
    known = scene.agents.has_attribute.copy()
    for table in (values, known):
        table[rows, left], table[rows, right] = table[rows, right], table[rows, left].copy()
    agents = dataclasses.replace(scene.agents, attributes=values, has_attribute=known)
    return dataclasses.replace(scene, agents=agents)


def _no_lights(scene: Scene, rows: np.ndarray) -> Scene:
    return dataclasses.replace(scene, lights=LightStates.none())


def _red_is_green(scene: Scene, rows: np.ndarray) -> Scene:
    lights = scene.lights
    colour = np.where(lights.colour == LightColour.RED, LightColour.GREEN, lights.colour)
    changed = dataclasses.replace(lights, colour=colour.astype(lights.colour.dtype))
    return dataclasses.replace(scene, lights=changed)


def _opposite(values: np.ndarray) -> np.ndarray:
    return 1.0 - values


PRECEDENTS: tuple[Precedent, ...] = (
    Precedent(
        'wheels_turned',
        'a standing vehicle with its front wheels turned, which pulls out within 8 s; '
        'reversed: wheels straight',
        _turned_wheels,
        _hide('front_wheel_angle_rad'),
        _set(FRONT_WHEEL_ANGLE, np.zeros_like),
    ),
    Precedent(
        'turn_signal',
        'signals and then turns that way; reversed: signals the other way',
        _signalling,
        _hide('turn_left', 'turn_right'),
        _swap_signals,
    ),
    Precedent(
        'phone',
        'a walker with a phone in hand; reversed: without one',
        _on_the_phone,
        _hide('phone_in_hand'),
        _set(ATTRIBUTE_INDEX['phone_in_hand'], _opposite),
    ),
    Precedent(
        'brake_lights',
        'moving with brake lights on; reversed: off',
        _braking,
        _hide('brake'),
        _set(ATTRIBUTE_INDEX['brake'], _opposite),
    ),
    Precedent(
        'red_light',
        'moving towards a stop line at red; reversed: green',
        _before_red,
        _no_lights,
        _red_is_green,
    ),
)
