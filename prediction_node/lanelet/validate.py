"""Cross-checks of a finished lane map: what reads well and still cannot be right."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.lanelet.polyline import arc_length, crossings

_GAP_M = 0.5
_SHORTEST_M = 0.1
_NARROWEST_M, _WIDEST_M = 0.3, 30.0
_WALKERS = (LaneKind.WALKWAY, LaneKind.CROSSWALK)


def validate(lane_map: LaneMap) -> list[str]:
    """Sentences that each name a lane and what is doubtful about it; empty for a sound map."""
    found: list[str] = []
    for lane in range(len(lane_map)):
        found += _shape(lane_map, lane)
    found += _gaps(lane_map)
    found += _missed_joints(lane_map)
    found += _neighbours(lane_map)
    found += _lights(lane_map)
    return found


def _shape(lane_map: LaneMap, lane: int) -> list[str]:
    name = f'lanelet {lane_map.id[lane]}'
    left, right = lane_map.left_border[lane], lane_map.right_border[lane]
    length_m = arc_length(lane_map.centreline[lane])[-1]
    found = []
    if length_m < _SHORTEST_M:
        found.append(f'{name} is {length_m:.2f} m long')
    widest_m = max(float(np.linalg.norm(left[i, :2] - right[i, :2])) for i in (0, -1))
    if widest_m > _WIDEST_M and lane_map.kind[lane] not in _WALKERS:
        found.append(f'{name} is {widest_m:.1f} m wide at an end')
    if widest_m < _NARROWEST_M:
        found.append(f'{name} is {widest_m:.2f} m wide at both ends')
    inner = crossings(left, right)
    ends = np.array([len(left) - 1, len(right) - 1])
    if ((inner > 1e-6) & (inner < ends - 1e-6)).all(axis=1).any():
        found.append(f'the borders of {name} cross each other')
    return found


def _ends(lane_map: LaneMap, lane: int) -> np.ndarray:
    """(2, 3) first and last point of the centreline."""
    return np.asarray(lane_map.centreline[lane][[0, -1]])


def _gaps(lane_map: LaneMap) -> list[str]:
    found = []
    for lane in range(len(lane_map)):
        for follower in lane_map.successors[lane]:
            here, there = _ends(lane_map, lane), _ends(lane_map, int(follower))
            if lane_map.kind[lane] in _WALKERS:
                # They meet at any of their ends, often at an edge rather than at the middle.
                continue
            gap_m = float(np.linalg.norm(here[1, :2] - there[0, :2]))
            if gap_m > _GAP_M:
                found.append(
                    f'lanelet {lane_map.id[lane]} ends {gap_m:.2f} m from where its successor '
                    f'{lane_map.id[follower]} starts'
                )
    return found


def _missed_joints(lane_map: LaneMap) -> list[str]:
    """Lanes that end where others start, with the same width, but are not connected."""
    roads = [i for i in range(len(lane_map)) if lane_map.kind[i] == LaneKind.ROAD]
    if not roads:
        return []
    gates = [
        np.array([[*lane_map.left_border[i][e], *lane_map.right_border[i][e]] for i in roads])
        for e in (0, -1)
    ]
    starts: dict[tuple[int, ...], list[int]] = {}
    for row, start in enumerate(gates[0]):
        starts.setdefault(_cell(start), []).append(row)
    found = []
    for row, end in enumerate(gates[1]):
        for other in starts.get(_cell(end), ()):
            if other != row and roads[other] not in lane_map.successors[roads[row]]:
                found.append(
                    f'lanelet {lane_map.id[roads[row]]} ends where {lane_map.id[roads[other]]} '
                    'starts, but they share no points and are not connected'
                )
    return found


def _cell(gate: np.ndarray) -> tuple[int, ...]:
    return tuple(np.round(gate / 0.01).astype(np.int64).tolist())


def _neighbours(lane_map: LaneMap) -> list[str]:
    """Left of left is right: a neighbour relation that only one side knows is a mapping error."""
    found = []
    for lane in range(len(lane_map)):
        for other in lane_map.left[lane]:
            same_kind = lane_map.kind[lane] == lane_map.kind[other]
            if same_kind and lane not in lane_map.right[int(other)]:
                found.append(
                    f'lanelet {lane_map.id[other]} is left of {lane_map.id[lane]}, '
                    'which is not right of it'
                )
    return found


def _lights(lane_map: LaneMap) -> list[str]:
    found = []
    for group, id_ in enumerate(lane_map.light_group_id):
        if not len(lane_map.light_lanes[group]):
            found.append(f'traffic light {id_} rules no lane')
        elif not len(lane_map.light_stop_line[group]) and any(
            lane_map.kind[lane] == LaneKind.ROAD for lane in lane_map.light_lanes[group]
        ):
            found.append(f'traffic light {id_} has no stop line')
    return found
