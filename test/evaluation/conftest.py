"""Builders shared by the tests of evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap, Polylines, Relation


@pytest.fixture
def empty_map() -> LaneMap:
    """A map without lanes."""
    none = np.zeros(0, np.int8)
    flags = np.zeros(0, bool)
    lines, relation = Polylines.of([]), Relation.of([])
    return LaneMap(
        id=np.zeros(0, np.int64),
        kind=none,
        turn=none,
        speed_limit_mps=np.zeros(0),
        has_speed_limit=flags,
        centreline=lines,
        left_border=lines,
        right_border=lines,
        left_border_kind=none,
        right_border_kind=none,
        one_way=flags,
        successors=relation,
        predecessors=relation,
        left=relation,
        right=relation,
        left_change=flags,
        right_change=flags,
        yields_to=relation,
        light_group_id=np.zeros(0, np.int64),
        light_lanes=relation,
        light_stop_line=relation,
        lane_lights=relation,
        light_position=lines,
        stop_lines=lines,
        stop_line_lanes=relation,
    )
