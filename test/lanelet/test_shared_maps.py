"""Every map of Autoware and Lanelet2 that lies beside the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lanelet2
import numpy as np
import pytest

from prediction_node.domain.errors import MapError
from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap
from prediction_node.lanelet.load import load_map, load_map_bin
from prediction_node.lanelet.osm import read_osm
from prediction_node.lanelet.parameters import (
    MapLimits,
    ProjectionParameters,
    ReadingParameters,
)
from prediction_node.lanelet.projection import place
from prediction_node.lanelet.validate import validate

REPOSITORY = Path(__file__).resolve().parents[2]
MAPS = REPOSITORY.parent / 'shared' / 'data' / 'maps'
FILES = sorted(path.relative_to(MAPS).as_posix() for path in MAPS.rglob('*.osm'))
INVALID = {
    # name -> what the error tells
    'invalid_01': r'the centreline of lanelet 58, way 48, leaves the lanelet by 1\.62 m',
    'mapping_example-debug': r'no lanelets, only 328 points, 436 ways, the first of them way \d+',
}
VALID = [name for name in FILES if not any(word in name for word in INVALID)]

needs_maps = pytest.mark.skipif(not FILES, reason=f'needs the maps in {MAPS}')


@needs_maps
def test_both_sorts_are_there() -> None:
    assert len(VALID) >= 20
    assert len(FILES) - len(VALID) == len(INVALID)


@needs_maps
@pytest.mark.parametrize('name', VALID)
class TestValid:
    def test_loads_without_faults(self, name: str) -> None:
        lane_map = load_map(MAPS / name)
        elements = read_osm(MAPS / name, MapLimits())
        assert sorted(id_ for id_ in lane_map.id.tolist() if id_ > 0) == sorted(elements.lanelets)
        assert [rule.id for rule in lane_map.rules] == sorted(elements.rules)
        for rule in lane_map.rules:
            members = elements.rules[rule.id].members
            assert {role: len(shapes) for role, shapes in rule.geometry.items()} == {
                role: len(parts) for role, parts in members.items()
            }
        harmless = ('refers to nothing',)
        assert [w for w in lane_map.warnings if not any(h in w for h in harmless)] == []
        grave = ('long', 'cross each other', 'not connected')
        assert [w for w in validate(lane_map) if any(g in w for g in grave)] == []
        assert_consistent(lane_map)

    def test_archive_gives_the_same_map(
        self, name: str, tmp_path: Path, make_archive: Any, same_map: Any
    ) -> None:
        """Through Lanelet2's own reader and writer, with all rules, and back."""
        placed = geographic_copy(MAPS / name, tmp_path)
        binary = make_archive(placed, tmp_path)
        whole = ProjectionParameters(
            kind='utm', origin_latitude_deg=35.2, origin_longitude_deg=138.8
        )
        expected = load_map(placed, projection=whole)
        same_map(load_map(binary), expected, within_m=1e-3)
        same_map(load_map_bin(binary.read_bytes()), expected, within_m=1e-3)


@needs_maps
@pytest.mark.parametrize('word', sorted(INVALID))
def test_invalid_maps_name_the_element(word: str) -> None:
    (name,) = [name for name in FILES if word in name]
    with pytest.raises(MapError, match=INVALID[word]) as caught:
        load_map(MAPS / name)
    assert str(MAPS / name) in str(caught.value)


@needs_maps
def test_an_invalid_centreline_may_be_replaced() -> None:
    (name,) = [name for name in FILES if 'invalid_01' in name]
    lane_map = load_map(MAPS / name, reading=ReadingParameters(strict=False))
    assert len(lane_map) == 6
    assert sum('leaves the lanelet' in warning for warning in lane_map.warnings) == 3


@needs_maps
@pytest.mark.parametrize('name', VALID)
def test_directions_and_connections_are_lanelet2s(name: str, tmp_path: Path) -> None:
    """Plain Lanelet2 reads the same borders and the same successors, once it can place the map."""
    placed = geographic_copy(MAPS / name, tmp_path)
    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(35.2, 138.8))
    theirs, _ = lanelet2.io.loadRobust(str(placed), projector)
    ours = load_map(
        placed,
        projection=ProjectionParameters(
            kind='utm', origin_latitude_deg=35.2, origin_longitude_deg=138.8
        ),
    )
    rules = lanelet2.traffic_rules.create(
        lanelet2.traffic_rules.Locations.Germany, lanelet2.traffic_rules.Participants.VehicleCar
    )
    graph = lanelet2.routing.RoutingGraph(theirs, rules)
    for lanelet in theirs.laneletLayer:
        row = ours.index_of(lanelet.id)
        for bound, border in (
            (lanelet.leftBound, ours.left_border[row]),
            (lanelet.rightBound, ours.right_border[row]),
        ):
            expected = np.array([[point.x, point.y, point.z] for point in bound])
            np.testing.assert_allclose(border, expected, atol=1e-6, err_msg=str(lanelet.id))
        if ours.kind[row] == LaneKind.ROAD:
            following = [
                -other.id if other.inverted() else other.id for other in graph.following(lanelet)
            ]
            assert sorted(ours.id[ours.successors[row]].tolist()) == sorted(following)


@needs_maps
def test_known_facts_of_the_autoware_intersection() -> None:
    lane_map = load_map(MAPS / next(name for name in FILES if 'test_map/intersection/' in name))
    assert (lane_map.kind == LaneKind.CROSSWALK).sum() == 8
    assert (lane_map.kind == LaneKind.BICYCLE).sum() == 2
    assert len(lane_map.light_group_id) == 16
    assert (lane_map.left_border_kind == BorderKind.DASHED).any()
    ruled = lane_map.lane_lights
    assert all(len(ruled[lane]) <= 1 for lane in range(len(lane_map)))
    for group in range(len(lane_map.light_group_id)):
        lanes = lane_map.light_lanes[group]
        assert len(lanes)
        for stop in lane_map.light_stop_line[group]:
            middle = lane_map.stop_lines[int(stop)].mean(axis=0)
            nearest = min(
                np.linalg.norm(lane_map.centreline[lane] - middle, axis=1).min() for lane in lanes
            )
            assert nearest < 12.0, lane_map.light_group_id[group]


@needs_maps
def test_mgrs_gives_the_local_coordinates_of_autoware() -> None:
    """The sample's local_x and local_y are offsets in its MGRS square."""
    name = next(name for name in FILES if name.endswith('test_map/lanelet2_map.osm'))
    local = load_map(MAPS / name)
    mgrs = load_map(
        MAPS / name, projection=ProjectionParameters(coordinates='projected', kind='mgrs')
    )
    np.testing.assert_allclose(mgrs.left_border.points_m, local.left_border.points_m, atol=1e-6)


def assert_consistent(lane_map: LaneMap) -> None:
    """Relations are each other's inverses and geometry runs along the lane."""
    for lane in range(len(lane_map)):
        for follower in lane_map.successors[lane]:
            assert lane in lane_map.predecessors[int(follower)]
        for group in lane_map.lane_lights[lane]:
            assert lane in lane_map.light_lanes[int(group)]
        centre = lane_map.centreline[lane]
        assert np.isfinite(centre).all()
        start = (lane_map.left_border[lane][0] + lane_map.right_border[lane][0]) / 2
        end = (lane_map.left_border[lane][-1] + lane_map.right_border[lane][-1]) / 2
        assert np.linalg.norm(centre[0] - start) < np.linalg.norm(centre[0] - end) + 1e-6
    assert (lane_map.speed_limit_mps > 0).all()


def geographic_copy(path: Path, folder: Path) -> Path:
    """The map with latitudes and longitudes from its local coordinates, which are left out."""
    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(35.2, 138.8))
    elements = read_osm(path, MapLimits())
    xy = elements.points.local_m
    if np.isnan(xy).any():
        used = np.ones(len(elements.points), bool)
        xy = place(elements.points, used, ProjectionParameters(), 'map').xyz_m[:, :2]
    middle = (xy.min(axis=0) + xy.max(axis=0)) / 2
    where = dict(zip(elements.points.id.tolist(), xy - middle, strict=True))

    def moved(match: re.Match[str]) -> str:
        x, y = where[int(match[1])]
        gps = projector.reverse(lanelet2.core.BasicPoint3d(float(x), float(y), 0.0))
        return f'<node id="{match[1]}" lat="{gps.lat:.13f}" lon="{gps.lon:.13f}"'

    text = path.read_text().replace("'", '"')
    text = re.sub(r'<node id="(\d+)"( action="delete")?[^>/]*', moved, text)
    text = re.sub(r'\s*<tag k="local_[xy]" v="[^"]*"\s*/>', '', text)
    target = folder / 'placed.osm'
    target.write_text(text)
    return target
