"""Traffic signs of CommonRoad scenarios, and where their traffic lights stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from prediction_node.domain.lane_map import Rule
from prediction_node.importers.xml_document import Node

SIGNAL_HEIGHT_M = 5.0
SIGNAL_HALF_WIDTH_M = 0.4

# Signs of a highest speed by country; format 2020a gives their value in metres per second.
_SPEED_SIGNS = ('R2-1', '274', '274.1', 'R301', 'r301')


class SignedLane(Protocol):
    """What is needed of a lanelet."""

    id: int
    signs: list[int]
    lights: list[int]
    centre_m: np.ndarray


def _signs(root: Node) -> list[tuple[int, str, Node]]:
    """Sign id, what it says, and its element: one row for each part of a sign."""
    return [
        (sign.integer('id'), part.child('trafficSignID').text, part)
        for sign in root.all('trafficSign')
        for part in sign.all('trafficSignElement')
    ]


def speed_limits(root: Node) -> dict[int, float]:
    """Highest speed in m/s by sign. Raises DataError."""
    limits: dict[int, float] = {}
    for sign, meaning, part in _signs(root):
        if meaning in _SPEED_SIGNS:
            value = part.number('additionalValue')
            if value <= 0.0:
                raise part.error(f'a highest speed must be positive, got {value}')
            limits[sign] = min(value, limits.get(sign, np.inf))
    return limits


def other_signs(root: Node, lanelets: Sequence[SignedLane], index: dict[int, int]) -> list[Rule]:
    """Signs that tell anything but a speed, as rules without geometry: nothing is lost."""
    return [
        Rule(sign, f'sign {meaning}', tuple(index[k.id] for k in lanelets if sign in k.signs), {})
        for sign, meaning, _ in _signs(root)
        if meaning not in _SPEED_SIGNS
    ]


def signal_groups(root: Node, lanelets: Sequence[SignedLane]) -> tuple[list[int], list[np.ndarray]]:
    """Ids of all lights, and (2, 3) base lines of their heads across the approach they face."""
    groups, heads = [], []
    for light in root.all('trafficLight'):
        number = light.integer('id')
        ruled = [lane for lane in lanelets if number in lane.lights]
        position = light.find('position')
        point = None if position is None else position.find('point')
        if point is not None:
            centre = np.array([point.number('x'), point.number('y'), SIGNAL_HEIGHT_M])
        elif ruled:
            centre = np.array([*ruled[0].centre_m[-1, :2], SIGNAL_HEIGHT_M])
        else:
            continue  # rules nothing and stands nowhere
        across = np.array([0.0, SIGNAL_HALF_WIDTH_M, 0.0])
        if ruled:
            ahead = ruled[0].centre_m[-1, :2] - ruled[0].centre_m[-2, :2]
            ahead /= np.linalg.norm(ahead)
            across = SIGNAL_HALF_WIDTH_M * np.array([-ahead[1], ahead[0], 0.0])
        groups.append(number)
        heads.append(np.stack([centre - across, centre + across]))
    return groups, heads
