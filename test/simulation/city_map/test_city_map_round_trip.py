"""What is written is what was made, for every reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lanelet2
import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneKind
from prediction_node.lanelet.validate import validate
from prediction_node.lanelet.write import write_lanelet2
from prediction_node.simulation.city_map import lane_map_of

RANDOM = ('--rand', '--rand.iterations', '12', '--random-lanenumber', '-L', '3')
WALKED = ('--default.sidewalk-width', '2', '--crossings.guess', '--walkingareas', '--tls.guess')
NETWORKS = (
    # Lanes of all sorts, oblique junctions, vehicles that turn around.
    (*RANDOM, *WALKED, '--default.bikelane-width', '1.5', '--seed', '12'),
    ('--spider', '--spider.arm-number', '5', '-L', '2', *WALKED, '--no-turnarounds'),
    ('--grid', '--grid.number', '2', '-L', '2', '--no-internal-links'),
)


@pytest.fixture(params=['city', *NETWORKS], ids=['city', 'random', 'spider', 'without inside'])
def each(request: pytest.FixtureRequest, generate: Callable[..., Any]) -> Any:
    if request.param == 'city':
        return request.getfixturevalue('city_map')
    return generate(*request.param)


def test_nobody_finds_fault_with_the_file(each: Any) -> None:
    assert each.parted == []
    assert each.loaded.warnings == ()
    assert validate(each.loaded) == []
    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(0.0, 0.0))
    loaded, errors = lanelet2.io.loadRobust(str(each.osm), projector)
    assert errors == []
    assert len(list(loaded.laneletLayer)) == len(each.made)


def test_the_map_read_is_the_map_made(each: Any) -> None:
    made, loaded = each.made, each.loaded
    for name in (
        'id', 'kind', 'turn', 'has_speed_limit', 'one_way', 'light_group_id',
        'left_border_kind', 'right_border_kind', 'left_change', 'right_change',
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(loaded, name), getattr(made, name), err_msg=name)
    np.testing.assert_allclose(loaded.speed_limit_mps, made.speed_limit_mps, rtol=1e-4)
    for name in ('left_border', 'right_border', 'centreline', 'stop_lines', 'light_position'):
        one, other = getattr(loaded, name), getattr(made, name)
        np.testing.assert_array_equal(one.offsets, other.offsets, err_msg=name)
        np.testing.assert_allclose(one.points_m, other.points_m, atol=2e-4, err_msg=name)
    on_foot = np.isin(made.kind, (LaneKind.WALKWAY, LaneKind.CROSSWALK))
    for name in (
        'successors', 'predecessors', 'left', 'right', 'yields_to', 'light_lanes',
        'lane_lights', 'light_stop_line', 'stop_line_lanes',
    ):  # fmt: skip
        one, other = getattr(loaded, name), getattr(made, name)
        assert len(one) == len(other), name
        for i in range(len(one)):
            if name in ('left', 'right') and on_foot[i]:
                continue  # ways across one walking area may touch, which says nothing
            assert sorted(one[i].tolist()) == sorted(other[i].tolist()), (name, i)
    assert [(a.id, a.kind) for a in loaded.areas] == [(a.id, a.kind) for a in made.areas]


def test_the_same_city_makes_the_same_bytes(city: Any, city_map: Any, tmp_path: Path) -> None:
    write_lanelet2(lane_map_of(city), tmp_path / 'again.osm')
    assert (tmp_path / 'again.osm').read_bytes() == city_map.osm.read_bytes()
