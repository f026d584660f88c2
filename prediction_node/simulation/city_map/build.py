"""The lane map of a simulated city, from its network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.domain.lane_map import Area, LaneKind, LaneMap, Polylines, Relation
from prediction_node.simulation.city_map import junctions, streets, walkways
from prediction_node.simulation.city_map.lane import Joints, Lane, LaneBook
from prediction_node.simulation.city_map.lights import Signals, signals_of
from prediction_node.simulation.city_map.polyline import SAME_M, at_shares, length_m
from prediction_node.simulation.city_map.right_of_way import mark_stops, yielding
from prediction_node.simulation.city_map.topology import successors_of
from prediction_node.simulation.network.net_file import Network
from prediction_node.simulation.network.signals import signal_groups

# Signal groups have the numbers below.
FIRST_LANE_ID = 100_000
SMALLEST_JUNCTION_M2 = 20.0


def lanelet_ids(network: Network) -> dict[str, int]:
    """Lanelet id of every SUMO lane, and of connections that have no lane inside of a junction.

    Where lanes inside of a junction are too short for lanelets of their own, the map has no lanelet
    with that id.
    """
    names = [*network.lanes, *(w.name for w in junctions.ways_of(network) if not w.inner)]
    return {name: FIRST_LANE_ID + k for k, name in enumerate(names)}


def network_map(network: Network, buildings: Sequence[np.ndarray] = ()) -> LaneMap:
    """Lanes, borders, connections, rules and areas; `buildings` are outlines (K, 2) in m.

    Lanes are in SUMO's order, walking areas after them. Raises SimulationError if the network has
    no lane.
    """
    book, joints, parts = _lay_out(network)
    if not book.lanes:
        raise SimulationError(f'{network.path} has no lanes, so there is no map')
    lanes = book.lanes
    row_of = {lane.id: row for row, lane in enumerate(lanes)}
    successors = successors_of(lanes, joints)
    mark_stops(book, network, parts)
    signals = signals_of(book, joints, network, parts, signal_groups(network), row_of)
    left = [lane.left.settled(joints) for lane in lanes]
    right = [lane.right.settled(joints) for lane in lanes]
    first_area = max(lane.id for lane in lanes) + 1
    return LaneMap(
        id=np.array([lane.id for lane in lanes], np.int64),
        kind=np.array([lane.kind for lane in lanes], np.int8),
        turn=np.array([lane.turn for lane in lanes], np.int8),
        speed_limit_mps=np.array([lane.speed_mps for lane in lanes]),
        has_speed_limit=np.isfinite([lane.speed_mps for lane in lanes]),
        centreline=Polylines.of([_centreline(a, b) for a, b in zip(left, right, strict=True)]),
        left_border=Polylines.of(left),
        right_border=Polylines.of(right),
        left_border_kind=np.array([lane.left_kind for lane in lanes], np.int8),
        right_border_kind=np.array([lane.right_kind for lane in lanes], np.int8),
        one_way=np.array(
            [lane.kind not in (LaneKind.WALKWAY, LaneKind.CROSSWALK) for lane in lanes]
        ),
        successors=Relation.of(successors),
        predecessors=Relation.of(_reverse(successors)),
        left=Relation.of([_row(lane.left_lane, row_of) for lane in lanes]),
        right=Relation.of([_row(lane.right_lane, row_of) for lane in lanes]),
        left_change=np.array([lane.left_change for lane in lanes]),
        right_change=np.array([lane.right_change for lane in lanes]),
        yields_to=Relation.of(yielding(book, network, parts, row_of)),
        light_group_id=np.array(signals.group_id, np.int64),
        light_lanes=Relation.of(signals.group_lanes),
        light_stop_line=Relation.of(signals.group_stop),
        lane_lights=Relation.of(_ruled_by(signals, len(lanes))),
        light_position=Polylines.of(signals.group_position),
        stop_lines=Polylines.of(signals.stop_lines),
        stop_line_lanes=Relation.of(signals.stop_lanes),
        areas=tuple(_areas(network, buildings, first_area)),
        source=str(network.path),
    )


def _lay_out(
    network: Network,
) -> tuple[LaneBook, Joints, dict[junctions.Way, tuple[Lane, ...]]]:
    ids = lanelet_ids(network)
    ways = junctions.ways_of(network)
    cuts = {**walkways.corners(network), **junctions.cramped(network, ways)}
    shapes = streets.trimmed(network, cuts)
    book, joints = LaneBook(), Joints()
    streets.add_streets(book, joints, network, shapes, ids)
    parts = junctions.add_ways(book, joints, network, shapes, ways, ids)
    walkways.add_crosswalks(book, joints, network, ids)
    book.lanes.sort(key=lambda lane: lane.id)
    walkways.add_walking_areas(book, joints, network, FIRST_LANE_ID + len(ids))
    return book, joints, parts


def _centreline(left_m: np.ndarray, right_m: np.ndarray) -> np.ndarray:
    """(n, 3) midway between the borders, at least every two metres, as the map's reader does."""
    longest = max(length_m(left_m), length_m(right_m))
    share = np.linspace(0.0, 1.0, max(2, int(np.ceil(longest / 2.0 - 1e-6)) + 1))
    return np.asarray(0.5 * (at_shares(left_m, share) + at_shares(right_m, share)))


def _reverse(targets_of: Sequence[Sequence[int]]) -> list[list[int]]:
    sources: list[list[int]] = [[] for _ in targets_of]
    for source, targets in enumerate(targets_of):
        for target in targets:
            sources[target].append(source)
    return sources


def _row(lane: Lane | None, row_of: Mapping[int, int]) -> list[int]:
    return [] if lane is None else [row_of[lane.id]]


def _ruled_by(signals: Signals, count: int) -> list[list[int]]:
    groups: list[list[int]] = [[] for _ in range(count)]
    for group, rows in enumerate(signals.group_lanes):
        for row in rows:
            groups[row].append(group)
    return groups


def _areas(network: Network, buildings: Sequence[np.ndarray], first_id: int) -> Iterator[Area]:
    """Junctions where streets cross, then buildings; counterclockwise."""
    outlines = [
        ('intersection_area', junction.outline_m)
        for junction in network.junctions.values()
        if len({network.lanes[k].edge for k in junction.incoming if k in network.lanes}) > 1
    ]
    outlines += [('building', np.asarray(outline, float)) for outline in buildings]
    for kind, outline in outlines:
        ring = np.zeros((len(outline), 3))
        ring[:, : outline.shape[1] if outline.ndim == 2 else 0] = outline
        if len(ring) > 1 and np.hypot(*(ring[0] - ring[-1])[:2]) < SAME_M:
            ring = ring[:-1]
        if len(ring) < 3:
            continue
        x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
        doubled = float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
        if abs(doubled) < 2.0 * SMALLEST_JUNCTION_M2 and kind != 'building':
            continue
        yield Area(first_id, kind, ring if doubled > 0.0 else np.roll(ring[::-1], 1, axis=0))
        first_id += 1
