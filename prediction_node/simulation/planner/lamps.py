"""Where traffic lights and the end of the way make the robotaxi stop."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import ARROW_TURNS, LightColour, LightStates
from prediction_node.simulation.planner.route import Stretch, stop_line_arc

# A state seen longer ago says nothing about now.
_MAX_AGE_S = 3.0


def colour_ahead(
    stretch: Stretch, rank: int, lane_map: LaneMap, lights: LightStates, stamp_ns: int
) -> int:
    """The LightColour that rules the way from or across the lane `stretch.lanes[rank]`.

    An arrow rules the turns it points to, before any full disc; of equals the most restrictive
    (red, amber, green). UNKNOWN where nothing is known.
    """
    lane = stretch.lanes[rank]
    turns = {int(lane_map.turn[lane])}
    if rank + 1 < len(stretch.lanes):
        turns.add(int(lane_map.turn[stretch.lanes[rank + 1]]))
    groups = lane_map.light_group_id[lane_map.lane_lights[lane]]
    found: dict[bool, list[int]] = {True: [], False: []}
    for lamp in np.flatnonzero(np.isin(lights.group_id, groups)):
        colour = int(lights.colour[lamp])
        age_s = (stamp_ns - int(lights.stamp_ns[lamp])) * 1e-9
        if age_s > _MAX_AGE_S or not LightColour.RED <= colour <= LightColour.GREEN:
            continue
        pointed = ARROW_TURNS.get(int(lights.shape[lamp]))
        if pointed is None:
            found[False].append(colour)
        elif turns & set(pointed):
            found[True].append(colour)
    ruling = found[True] or found[False]
    return min(ruling) if ruling else int(LightColour.UNKNOWN)


def red_stops(
    stretch: Stretch,
    lane_map: LaneMap,
    lights: LightStates,
    stamp_ns: int,
    speed_mps: float,
    front_m: float,
    comfortable_mps2: float,
) -> list[float]:
    """Arc lengths of lines at which the front must stop: at red, and at amber where it can.

    `front_m` is where the front is on the path. Lines behind it no longer bind.
    """
    stops = []
    for rank, lane in enumerate(stretch.lanes):
        rows = lane_map.lane_lights[lane]
        if not len(rows):
            continue
        colour = colour_ahead(stretch, rank, lane_map, lights, stamp_ns)
        if colour not in (LightColour.RED, LightColour.AMBER):
            continue
        line_m = line_of(stretch, rank, lane_map)
        away_m = line_m - front_m
        if away_m < -1.0:
            continue
        needed_m = speed_mps**2 / (2.0 * comfortable_mps2)
        if colour == LightColour.AMBER and away_m < needed_m:
            continue
        stops.append(line_m)
    return stops


def line_of(stretch: Stretch, rank: int, lane_map: LaneMap) -> float:
    """Where the lights of the lane `stretch.lanes[rank]` make one stop: its line, or its end."""
    lane = stretch.lanes[rank]
    length = float(np.hypot(*np.diff(lane_map.centreline[lane][:, :2], axis=0).T).sum())
    for row in lane_map.lane_lights[lane]:
        lines = lane_map.light_stop_line[row]
        if len(lines):
            line = lane_map.stop_lines[int(lines[0])][:, :2]
            return stop_line_arc(stretch, rank, line, length)
    return stretch.starts_m[rank] + length


def giving_way(stretch: Stretch, lane_map: LaneMap, front_m: float) -> list[float]:
    """Arc lengths ahead of the front where lanes begin that give way to others."""
    return [
        start
        for start, lane in zip(stretch.starts_m, stretch.lanes, strict=True)
        if len(lane_map.yields_to[lane]) and start > front_m - 1.0
    ]
