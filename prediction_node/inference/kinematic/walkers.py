"""Bodies that may step in any direction: constant velocity, and the far side of a crosswalk."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.lane_map import LaneKind
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.uncertainty import TIME_S

# Share of the speed, turn in radians, weight. The first is constant velocity.
BEHAVIOURS = np.array(
    [
        [1.0, 0.0, 0.46],
        [0.25, 0.0, 0.10],
        [1.15, 0.0, 0.14],
        [0.95, 0.35, 0.12],
        [0.95, -0.35, 0.12],
        [0.70, 0.0, 0.06],
    ]
)
TURN_S = 1.5
SPEED_S = 1.5
MAX_SPEED_MPS = 12.0
FACING_S = 0.6
CROSSWALK_RADIUS_M = 6.0
CROSSWALK_WEIGHT = 0.2
CROSSING_MPS = 1.3
ON_CROSSWALK_M = 3.0


def walk(agents: Agents, road: Road | None) -> tuple[np.ndarray, np.ndarray]:
    """(N, MODE_COUNT, POSE_COUNT, 3) poses from each agent's position, (N, MODE_COUNT) weights.

    Yaw turns from the body's to the direction of motion; whoever stands keeps facing the same way.
    """
    velocity = np.nan_to_num(agents.velocity_mps)
    speed = np.minimum(np.hypot(velocity[:, 0], velocity[:, 1]), MAX_SPEED_MPS)
    # Who stands walks off, if at all, the way the body faces.
    moves = speed > 1e-3
    course = np.where(moves, np.arctan2(velocity[:, 1], velocity[:, 0]), agents.yaw_rad)
    # Turning and changing pace take a moment, then the new motion holds.
    turned = BEHAVIOURS[:, 1, None] * (1.0 - np.exp(-TIME_S / TURN_S))
    pace = 1.0 + (BEHAVIOURS[:, 0, None] - 1.0) * (1.0 - np.exp(-TIME_S / SPEED_S))
    heading = course[:, None, None] + turned
    step = speed[:, None, None] * pace * (TIME_S[1] - TIME_S[0])
    xy = np.zeros((len(agents), MODE_COUNT, POSE_COUNT, 2))
    middle = 0.5 * (heading[..., 1:] + heading[..., :-1])
    np.cumsum(step[..., 1:] * np.cos(middle), axis=-1, out=xy[..., 1:, 0])
    np.cumsum(step[..., 1:] * np.sin(middle), axis=-1, out=xy[..., 1:, 1])
    weight = np.broadcast_to(BEHAVIOURS[:, 2], (len(agents), MODE_COUNT)).copy()
    if road is not None:
        _cross(agents, speed, course, xy, heading, weight, road)
    yaw = _facing(agents.yaw_rad, heading, speed)
    return np.concatenate([xy, yaw[..., None]], axis=-1), weight


def _cross(
    agents: Agents,
    speed: np.ndarray,
    course: np.ndarray,
    xy: np.ndarray,
    heading: np.ndarray,
    weight: np.ndarray,
    road: Road,
) -> None:
    """Whoever walks on or towards a crosswalk may aim for its far end: replaces the last mode."""
    crosswalk = road.lane_map.kind == LaneKind.CROSSWALK
    if not crosswalk.any():
        return
    found = road.index.near(agents.position_m[:, :2], course, CROSSWALK_RADIUS_M)
    found = found.select(crosswalk[found.lane])
    if not len(found):
        return
    geometry = road.geometry
    last = geometry.first + geometry.count - 1
    query, lane = found.query, found.lane
    here = agents.position_m[query, :2] - geometry.origin_m
    first_at, last_at = geometry.first[lane], last[lane]
    start = np.stack([geometry.x_m[first_at], geometry.y_m[first_at]], axis=-1) - here
    end = np.stack([geometry.x_m[last_at], geometry.y_m[last_at]], axis=-1) - here
    length = geometry.length_m[lane]
    # Crosswalks are walked both ways; the destination is the end the walker faces.
    along = np.cos(wrap_angle(found.heading_error_rad)) >= 0.0
    goal = np.where(along[:, None], end, start)
    entry = np.where(along[:, None], start, end)
    walked = np.where(along, found.arc_length_m, length - found.arc_length_m)
    inside = (np.abs(found.offset_m) < ON_CROSSWALK_M) & (found.beyond_m == 0.0)
    goal_yaw = np.arctan2(goal[:, 1], goal[:, 0])
    entry_yaw = np.arctan2(entry[:, 1], entry[:, 0])
    aim = np.where(inside, goal_yaw, entry_yaw)
    fits = np.where(speed[query] > 0.3, np.cos(aim - course[query]), 0.2)
    fits = np.where(length - walked > 0.5, fits, -1.0)
    order = np.lexsort((lane, -fits, query))
    first = order[np.concatenate([[True], np.diff(query[order]) != 0])]
    first = first[fits[first] > 0.1]
    who = query[first]
    pace = np.maximum(speed[who], CROSSING_MPS)
    via = np.where(inside[first, None], 0.0, entry[first])
    leg = np.hypot(via[:, 0], via[:, 1])
    rest = goal[first] - via
    rest_length = np.maximum(np.hypot(rest[:, 0], rest[:, 1]), 1e-6)
    gone = pace[:, None] * TIME_S - (pace - speed[who])[:, None] * SPEED_S * (
        1.0 - np.exp(-TIME_S / SPEED_S)
    )
    to_entry = np.clip(gone / np.maximum(leg, 1e-6)[:, None], 0.0, 1.0)
    # Past the far kerb the walk goes on the same way: the crosswalk is not the journey's end.
    beyond = np.maximum(gone - leg[:, None], 0.0) / rest_length[:, None]
    xy[who, -1] = to_entry[..., None] * via[:, None] + beyond[..., None] * rest[:, None]
    aim_rest = np.arctan2(rest[:, 1], rest[:, 0])
    aims = np.where(beyond > 0.0, aim_rest[:, None], aim[first, None])
    heading[who, -1] = course[who, None] + wrap_angle(aims - course[who, None])
    weight[who, -1] = np.where(inside[first], 2.0, 1.0) * CROSSWALK_WEIGHT * fits[first]


def _facing(yaw_rad: np.ndarray, heading: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """(N, K, T) yaw easing from the body's to the direction of motion."""
    turn = wrap_angle(heading - yaw_rad[:, None, None])
    moves = np.clip(speed / 0.5, 0.0, 1.0)[:, None, None]
    return np.asarray(yaw_rad[:, None, None] + moves * turn * (1.0 - np.exp(-TIME_S / FACING_S)))
