"""Which lanes follow which: those that start where others end, as the map's reader finds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from prediction_node.domain.lane_map import LaneKind
from prediction_node.simulation.city_map.lane import ON_FOOT, Gate, Joints, Lane

# Cyclists ride on to the road, those who were parked drive on to it; nobody leaves it that way.
_LEADS_TO = {
    LaneKind.ROAD: (LaneKind.ROAD,),
    LaneKind.BICYCLE: (LaneKind.BICYCLE, LaneKind.ROAD),
    LaneKind.SHOULDER: (LaneKind.SHOULDER, LaneKind.ROAD),
    LaneKind.OTHER: (LaneKind.OTHER,),
    LaneKind.WALKWAY: ON_FOOT,
    LaneKind.CROSSWALK: ON_FOOT,
}


def successors_of(lanes: Sequence[Lane], joints: Joints) -> list[list[int]]:
    """For every lane the rows of those that follow; of lanes on foot, those at either end."""
    starts: dict[Gate, list[int]] = defaultdict(list)
    ends: dict[Gate, list[int]] = defaultdict(list)
    for row, lane in enumerate(lanes):
        starts[_root(joints, lane.start)].append(row)
        ends[_root(joints, lane.end)].append(row)
    found: list[list[int]] = []
    for row, lane in enumerate(lanes):
        end = _root(joints, lane.end)
        following = list(starts[end])
        if lane.kind in ON_FOOT:
            start = _root(joints, lane.start)
            following += ends[end[::-1]] + ends[start] + starts[start[::-1]]
        fitting = _LEADS_TO[lane.kind]
        found.append([k for k in dict.fromkeys(following) if k != row and lanes[k].kind in fitting])
    return found


def _root(joints: Joints, gate: Gate) -> Gate:
    return joints.root(gate[0]), joints.root(gate[1])
