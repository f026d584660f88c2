"""Lanes between junctions: what lies side by side shares its border, both ways of a street too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lane_map import BorderKind, LaneKind
from prediction_node.simulation.city_map.lane import Border, Joints, Lane, LaneBook, kind_of
from prediction_node.simulation.city_map.polyline import (
    apart_m,
    at_shares,
    distance_m,
    length_m,
    mean_line,
    offset,
    part,
    without_repeats,
)
from prediction_node.simulation.city_map.way_borders import open_collapsed
from prediction_node.simulation.network.net_file import Function, NetEdge, NetLane, Network

# Leftmost borders of the two ways of a street that lie closer are one line.
SAME_BORDER_M = 0.4
# Share of an edge beside oncoming lanes that makes its left border a line on the road.
FACING = 0.3
# A lane gives up at most this share of its length to a junction at either end.
MOST_CUT = 0.25
# Shorter lanes, as between the gates of small roundabouts, give up nothing.
SHORT_M = 1.5
# Who may change lane decides by the class of nearly all drivers.
_DRIVER = 'passenger'


@dataclass(frozen=True, slots=True, eq=False)
class Trimmed:
    """A lane's centreline, and what its edge's ends gave up to the junctions there."""

    head_m: np.ndarray | None  # (n, 3) before the lane, None: nothing
    shape_m: np.ndarray  # (n, 3)
    tail_m: np.ndarray | None  # (n, 3) after it


Cuts = Mapping[tuple[str, bool], float]  # (edge, whether at its end) -> metres


def trimmed(network: Network, cuts: Cuts) -> dict[str, Trimmed]:
    """By id, every lane of an edge between junctions, `cuts` taken off."""
    found = {}
    for edge in network.edges.values():
        if edge.function is not Function.NORMAL:
            continue
        before, after = cuts.get((edge.id, False), 0.0), cuts.get((edge.id, True), 0.0)
        for lane in edge.lanes:
            found[lane] = _trim(without_repeats(network.lanes[lane].shape_m), before, after)
    return found


def _trim(line: np.ndarray, before: float, after: float) -> Trimmed:
    total = length_m(line)
    if total < SHORT_M:
        before = after = 0.0
    before, after = min(before, MOST_CUT * total), min(after, MOST_CUT * total)
    return Trimmed(
        head_m=part(line, 0.0, before) if before > 0.0 else None,
        shape_m=part(line, before, total - after) if before + after > 0.0 else line,
        tail_m=part(line, total - after, total) if after > 0.0 else None,
    )


def add_streets(
    book: LaneBook,
    joints: Joints,
    network: Network,
    shapes: Mapping[str, Trimmed],
    ids: Mapping[str, int],
) -> None:
    """Every lane between junctions."""
    lines = {
        edge.id: _border_lines([(network.lanes[k], shapes[k].shape_m) for k in edge.lanes])
        for edge in network.edges.values()
        if edge.function is Function.NORMAL
    }
    innermost: dict[str, Border] = {}
    shared = _both_ways(network, lines)
    for edge_id, edge_lines in lines.items():
        edge = network.edges[edge_id]
        partner = shared.get(edge_id)
        borders = [_border(line, joints) for line in edge_lines[:-1]]
        if partner is not None and partner in innermost:
            borders.append(innermost[partner].mirrored())
        else:
            borders.append(_border(edge_lines[-1], joints))
            innermost[edge_id] = borders[-1]
        two_way = partner is not None or _faces_others(network, lines, edge)
        _add_edge(book, joints, network, edge, borders, shapes, ids, two_way)


def _border(line: np.ndarray, joints: Joints) -> Border:
    return Border(line, joints.add(line[0]), joints.add(line[-1]))


def _border_lines(lanes: list[tuple[NetLane, np.ndarray]]) -> list[np.ndarray]:
    """(lanes + 1) lines from the right: between two lanes midway of what either says."""
    rights = [offset(shape, -0.5 * lane.width_m) for lane, shape in lanes]
    lefts = [offset(shape, 0.5 * lane.width_m) for lane, shape in lanes]
    between = [mean_line(left, right) for left, right in zip(lefts[:-1], rights[1:], strict=True)]
    return [rights[0], *between, lefts[-1]]


def _both_ways(network: Network, lines: dict[str, list[np.ndarray]]) -> dict[str, str]:
    """edge -> edge of the opposite direction whose leftmost border is the same line.

    The lines of both become the mean of both.
    """
    by_ends: dict[tuple[str, str], list[str]] = {}
    for edge_id in lines:
        edge = network.edges[edge_id]
        by_ends.setdefault((edge.start, edge.end), []).append(edge_id)
    shared: dict[str, str] = {}
    for edge_id in lines:
        edge = network.edges[edge_id]
        for other in by_ends.get((edge.end, edge.start), ()):
            if edge_id in shared or other in shared or other == edge_id:
                continue
            mine, its = lines[edge_id][-1], lines[other][-1][::-1]
            if apart_m(mine, its) <= SAME_BORDER_M:
                lines[edge_id][-1] = mean_line(mine, its)
                shared[edge_id], shared[other] = other, edge_id
    return shared


def _faces_others(network: Network, lines: Mapping[str, list[np.ndarray]], edge: NetEdge) -> bool:
    """Whether oncoming lanes lie directly beside a good part of the edge, as where the one
    direction has more edges than the other.
    """
    mine = at_shares(lines[edge.id][-1], np.linspace(0.0, 1.0, 9))
    for other_id, other_lines in lines.items():
        other = network.edges[other_id]
        if other_id != edge.id and (other.start == edge.end or other.end == edge.start):
            its = other_lines[-1]
            if (distance_m(its, mine) <= SAME_BORDER_M).mean() >= FACING:
                return True
    return False


def _add_edge(
    book: LaneBook,
    joints: Joints,
    network: Network,
    edge: NetEdge,
    borders: list[Border],
    shapes: Mapping[str, Trimmed],
    ids: Mapping[str, int],
    two_way: bool,
) -> None:
    net_lanes = [network.lanes[k] for k in edge.lanes]
    kinds = [kind_of(lane) for lane in net_lanes]
    added: list[Lane] = []
    for k, (net_lane, kind) in enumerate(zip(net_lanes, kinds, strict=True)):
        lane = Lane(
            id=ids[net_lane.id],
            kind=kind,
            left=borders[k + 1],
            right=borders[k],
            left_kind=_outer(kind, on_left=True, two_way=two_way),
            right_kind=_outer(kind, on_left=False, two_way=two_way),
            speed_mps=net_lane.speed_mps if kind != LaneKind.WALKWAY else np.inf,
        )
        added.append(book.add(lane, net_lane.id))
    for lane, net_lane in zip(added, net_lanes, strict=True):
        if length_m(shapes[net_lane.id].shape_m) < SHORT_M:
            open_collapsed(joints, lane)
    for k in range(len(added) - 1):
        _beside(added[k], added[k + 1], net_lanes[k], net_lanes[k + 1])


def _outer(kind: LaneKind, *, on_left: bool, two_way: bool) -> BorderKind:
    """Of the outermost border of a street, at either side."""
    if kind == LaneKind.WALKWAY:
        return BorderKind.OTHER  # where the houses begin
    return BorderKind.SOLID if on_left and two_way else BorderKind.CURB


def _beside(right: Lane, left: Lane, right_net: NetLane, left_net: NetLane) -> None:
    """Say what separates two lanes of one direction, and who may cross it.

    Vehicles do not turn on to bicycle lanes or shoulders; cyclists and those who were parked do
    turn on to the road.
    """
    pair = (right.kind, left.kind)
    if LaneKind.WALKWAY in pair:
        right.left_kind = left.right_kind = BorderKind.CURB
        return
    if LaneKind.OTHER in pair or pair == (LaneKind.BICYCLE, LaneKind.SHOULDER):
        right.left_kind = left.right_kind = BorderKind.SOLID
        return
    to_left = right_net.change_left.allows(_DRIVER)
    to_right = left_net.change_right.allows(_DRIVER)
    if pair == (LaneKind.ROAD, LaneKind.ROAD):
        to_left &= left_net.access.allows(_DRIVER)
        to_right &= right_net.access.allows(_DRIVER)
    elif right.kind == LaneKind.BICYCLE:
        to_left &= left_net.access.allows('bicycle')
    if left.kind in (LaneKind.ROAD, right.kind):
        right.left_lane, right.left_change = left, to_left
    if right.kind in (LaneKind.ROAD, left.kind):
        left.right_lane, left.right_change = right, to_right
    if left.right_lane is None:
        to_right = to_left
    if right.left_lane is None:
        to_left = to_right
    right.left_kind = BorderKind.DASHED if to_left else BorderKind.SOLID
    left.right_kind = BorderKind.DASHED if to_right else BorderKind.SOLID
