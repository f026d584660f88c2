"""Stop lines across approaches, and the signal groups that rule lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prediction_node.simulation.city_map.junctions import Way
from prediction_node.simulation.city_map.lane import Joints, Lane, LaneBook
from prediction_node.simulation.network.net_file import Function, Network
from prediction_node.simulation.network.signals import SignalGroup

# Lamps for vehicles hang over the lanes behind the stop line, those for walkers stand at both
# kerbs.
LAMP_BEYOND_M = 1.0
LAMP_HEIGHT_M = 5.2
LAMP_WIDTH_M = 0.4
WALKERS_LAMP_HEIGHT_M = 2.4


@dataclass(slots=True, eq=False)
class Signals:
    """Stop lines and groups, as rows of lanes."""

    stop_lines: list[np.ndarray] = field(default_factory=list)  # (2, 3), from right to left
    stop_lanes: list[list[int]] = field(default_factory=list)
    group_id: list[int] = field(default_factory=list)
    group_lanes: list[list[int]] = field(default_factory=list)
    group_stop: list[list[int]] = field(default_factory=list)
    group_position: list[np.ndarray] = field(default_factory=list)


def signals_of(
    book: LaneBook,
    joints: Joints,
    network: Network,
    parts: Mapping[Way, Sequence[Lane]],
    groups: Sequence[SignalGroup],
    row_of: Mapping[int, int],
) -> Signals:
    """A group rules the lanes behind the stop line, as Autoware's maps have it, and those before it
    that lead nowhere else: so what it shows is the same for all who meet it.
    """
    found = Signals()
    stop_of = _stop_lines(found, book, joints, network, row_of)
    group_of = {(group.signal, link): group.id for group in groups for link in group.links}
    ways_of: dict[int, list[Way]] = {}
    groups_before: dict[str, set[int]] = {}
    for way in parts:
        number = group_of.get((way.link.signal, way.link.link), 0)
        ways_of.setdefault(number, []).append(way)
        groups_before.setdefault(way.start, set()).add(number)
    for group in groups:
        if group.walkers:
            crosswalks = [book.of_net[k] for k in network.edges[group.approach].lanes]
            ruled = [row_of[lane.id] for lane in crosswalks]
            stops: list[int] = []
            lamps = _lamps_at_kerbs(joints, crosswalks[0])
        else:
            ways = ways_of.get(group.id, [])
            behind = [parts[way][0] for way in ways if parts[way]]
            before = [
                book.of_net[k]
                for k in dict.fromkeys(way.start for way in ways)
                if groups_before[k] == {group.id}
            ]
            ruled = [row_of[lane.id] for lane in (*before, *behind)]
            stops = sorted({stop_of[row_of[book.of_net[way.start].id]] for way in ways})[:1]
            lamps = _lamps_above(joints, [book.of_net[way.start] for way in ways])
        if not ruled:
            continue
        found.group_id.append(group.id)
        found.group_lanes.append(list(dict.fromkeys(ruled)))
        found.group_stop.append(stops)
        found.group_position.append(lamps)
    _sort(found)
    for lanes, stops in zip(found.group_lanes, found.group_stop, strict=True):
        for stop in stops:
            found.stop_lanes[stop] += [k for k in lanes if k not in found.stop_lanes[stop]]
    return found


def _sort(found: Signals) -> None:
    """Stop lines of signals by group, then the others: the order in which a reader meets them."""
    lit = [stop for stops in found.group_stop for stop in stops]
    order = list(dict.fromkeys([*lit, *range(len(found.stop_lines))]))
    place = {stop: k for k, stop in enumerate(order)}
    found.stop_lines = [found.stop_lines[k] for k in order]
    found.stop_lanes = [found.stop_lanes[k] for k in order]
    found.group_stop = [[place[stop] for stop in stops] for stops in found.group_stop]


def _stop_lines(
    found: Signals,
    book: LaneBook,
    joints: Joints,
    network: Network,
    row_of: Mapping[int, int],
) -> dict[int, int]:
    """Lines across lanes that lie side by side, by rows of lanes that end there."""
    line_of: dict[int, int] = {}
    for edge in network.edges.values():
        if edge.function is not Function.NORMAL:
            continue
        last: Lane | None = None
        for net_lane in edge.lanes:
            lane = book.of_net[net_lane]
            if not lane.stop:
                continue
            right, left = joints.place(lane.right.end), joints.place(lane.left.end)
            if last is not None and joints.root(last.left.end) == joints.root(lane.right.end):
                found.stop_lines[-1] = np.stack([found.stop_lines[-1][0], left])
            else:
                found.stop_lines.append(np.stack([right, left]))
                found.stop_lanes.append([])
            found.stop_lanes[-1].append(row_of[lane.id])
            line_of[row_of[lane.id]] = len(found.stop_lines) - 1
            last = lane
    return line_of


def _lamps_above(joints: Joints, lanes: Sequence[Lane]) -> np.ndarray:
    """(2, 3) base line of one signal head, facing those who wait."""
    ends = np.array([[joints.place(lane.left.end), joints.place(lane.right.end)] for lane in lanes])
    left, right = ends[:, 0].mean(axis=0), ends[:, 1].mean(axis=0)
    across = (right - left)[:2]
    across = across / max(float(np.hypot(across[0], across[1])), 1e-6)
    ahead = np.array([-across[1], across[0]])
    middle = 0.5 * (left + right)
    middle[:2] += LAMP_BEYOND_M * ahead
    middle[2] += LAMP_HEIGHT_M
    half = np.array([*(0.5 * LAMP_WIDTH_M * across), 0.0])
    return np.stack([middle - half, middle + half])


def _lamps_at_kerbs(joints: Joints, crosswalk: Lane) -> np.ndarray:
    """(2, 3) one at either end."""
    places = [
        0.5 * (joints.place(left) + joints.place(right))
        for left, right in (crosswalk.start, crosswalk.end)
    ]
    return np.asarray(np.array(places) + [0.0, 0.0, WALKERS_LAMP_HEIGHT_M])  # noqa: RUF005
