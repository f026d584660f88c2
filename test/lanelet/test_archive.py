"""Boost archives: .bin files and the blob of LaneletMapBin."""

from __future__ import annotations

import re
import struct
from array import array
from pathlib import Path
from typing import Any

import lanelet2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.errors import MapError
from prediction_node.lanelet import archive
from prediction_node.lanelet.archive_stream import ArchiveStream
from prediction_node.lanelet.load import load_map, load_map_bin
from prediction_node.lanelet.parameters import MapLimits, ProjectionParameters

COUNTER_BYTES = 8  # the writer's id counter ends an archive of Autoware or of a newer Lanelet2

KINDS = (
    'crosswalk',
    'road_marking',
    'detection_area',
    'no_stopping_area',
    'no_parking_area',
    'bus_stop_area',
    'speed_bump',
    'virtual_traffic_light',
    'roundabout',
    'traffic_light',
    'something_of_tomorrow',
)


def test_every_kind_is_tried(autoware_rules: dict[str, Any]) -> None:
    assert set(KINDS) == set(autoware_rules)


@pytest.mark.parametrize('kind', KINDS)
def test_a_rule_survives_in_all_three_formats(
    kind: str, rules_map: Any, make_archive: Any, same_map: Any, autoware_rules: Any, tmp_path: Path
) -> None:
    osm = rules_map([kind]).save(tmp_path / 'map.osm')
    binary = make_archive(osm, tmp_path)
    maps = [load_map(osm), load_map(binary), load_map_bin(binary.read_bytes())]
    for lane_map in maps:
        (rule,) = lane_map.rules
        assert rule.kind == kind
        assert rule.tags['note'] == f'{kind} rule'
        assert set(rule.geometry) == set(autoware_rules[kind])
        assert all(len(shapes) == 1 and len(shapes[0]) for shapes in rule.geometry.values())
        assert [lane_map.speed_limit_mps[lane] * 3.6 for lane in rule.lanes] == [pytest.approx(40)]
        assert not lane_map.warnings
    same_map(maps[0], maps[1])
    same_map(maps[0], maps[2])


def test_all_kinds_in_one_archive_that_plain_lanelet2_refuses(
    rules_map: Any, make_archive: Any, same_map: Any, tmp_path: Path
) -> None:
    osm = rules_map(KINDS).save(tmp_path / 'map.osm')
    binary = make_archive(osm, tmp_path)
    with pytest.raises(RuntimeError, match='No regulatory element found that implements rule'):
        lanelet2.io.load(str(binary), lanelet2.io.Origin(0, 0))
    lane_map = load_map(binary)
    assert sorted(rule.kind for rule in lane_map.rules) == sorted(KINDS)
    same_map(lane_map, load_map(osm))


def test_the_blob_may_be_a_message_field(
    rules_map: Any, make_archive: Any, same_map: Any, tmp_path: Path
) -> None:
    binary = make_archive(rules_map(['crosswalk']).save(tmp_path / 'map.osm'), tmp_path)
    data = binary.read_bytes()
    expected = load_map_bin(data)
    same_map(load_map_bin(data[:-COUNTER_BYTES]), expected)
    same_map(load_map_bin(array('B', data)), expected)
    same_map(load_map_bin(memoryview(data)), expected)
    same_map(load_map_bin(np.frombuffer(data, np.uint8)), expected)


def test_rules_that_refer_to_each_other_without_end(
    map_text: Any, make_archive: Any, same_map: Any, tmp_path: Path
) -> None:
    """A chain longer than the stack: each lanelet's rule refers to the next lanelet."""
    text = map_text()
    following = text.straight(0.0, 5.0)
    for k in range(1, 2000):
        rule = text.rule('something_of_tomorrow', ('relation', following, 'refers'))
        following = text.straight(0.0, 5.0, 4.0 * k, rules=[rule])
    osm = text.save(tmp_path / 'chain.osm')
    # Lanelet2's writer would overflow its own stack on the way: a shorter chain for the archive.
    short = map_text()
    following = short.straight(0.0, 5.0)
    for k in range(1, 400):
        rule = short.rule('something_of_tomorrow', ('relation', following, 'refers'))
        following = short.straight(0.0, 5.0, 4.0 * k, rules=[rule])
    assert len(load_map(osm)) == 2000
    short_osm = short.save(tmp_path / 'short.osm')
    same_map(load_map(make_archive(short_osm, tmp_path)), load_map(short_osm))


def test_archives_of_older_lanelet2(
    rules_map: Any,
    make_archive: Any,
    same_map: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their attribute maps lack the item version: the same bytes without these fields."""
    binary = make_archive(rules_map(KINDS).save(tmp_path / 'map.osm'), tmp_path)
    data = binary.read_bytes()
    places: list[int] = []
    read_count = archive._Reader._map_count

    def noting(reader: Any) -> int:
        places.append(reader._in.at + 8)
        return read_count(reader)

    monkeypatch.setattr(archive._Reader, '_map_count', noting)
    expected = load_map_bin(data)
    monkeypatch.undo()
    older = bytearray(data)
    for place in sorted(set(places), reverse=True):
        del older[place : place + 4]
    assert len(older) < len(data)
    same_map(load_map_bin(bytes(older)), expected)


def test_empty_and_foreign_bytes() -> None:
    with pytest.raises(MapError, match=r'blob: the map is empty'):
        load_map_bin(b'', source='blob')
    with pytest.raises(MapError, match=r'blob, byte 0: not a boost archive'):
        load_map_bin(b'<?xml version="1.0"?><osm/>' * 10, source='blob')


def test_every_truncation_is_an_error_that_names_the_byte(
    rules_map: Any, make_archive: Any, tmp_path: Path
) -> None:
    binary = make_archive(rules_map(['crosswalk', 'roundabout']).save(tmp_path / 'm.osm'), tmp_path)
    data = binary.read_bytes()
    for length in (*range(0, len(data) - COUNTER_BYTES, 7), len(data) - 1):
        with pytest.raises(MapError, match=r'byte|empty'):
            load_map_bin(data[:length])


def test_a_lying_member_names_its_rule(
    rules_map: Any, make_archive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = make_archive(rules_map(['detection_area']).save(tmp_path / 'm.osm'), tmp_path)
    data = bytearray(binary.read_bytes())
    where: list[int] = []
    take = ArchiveStream.take

    def noting(reader: Any, layout: str) -> tuple[Any, ...]:
        if layout == '<i':
            where.append(reader.at)
        return take(reader, layout)

    monkeypatch.setattr(ArchiveStream, 'take', noting)
    lane_map = load_map_bin(bytes(data))
    monkeypatch.undo()
    data[where[-1]] = 9
    rule = lane_map.rules[0]
    with pytest.raises(
        MapError,
        match=rf'member of regulatory element {rule.id} \(detection_area\) is of unknown class 9',
    ):
        load_map_bin(bytes(data))


@pytest.fixture(scope='module')
def blob(tmp_path_factory: pytest.TempPathFactory, rules_map: Any, make_archive: Any) -> bytes:
    folder = tmp_path_factory.mktemp('blob')
    binary = make_archive(rules_map(KINDS).save(folder / 'map.osm'), folder)
    return bytes(binary.read_bytes())


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_map_or_a_typed_error(blob: bytes, data: st.DataObject) -> None:
    damaged = bytearray(blob)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(40, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([0, 0, 1, 64]))
    try:
        lane_map = load_map_bin(bytes(damaged[: len(damaged) - cut]))
    except MapError:
        return
    assert np.isfinite(lane_map.centreline.points_m).all()


def test_counts_are_checked_before_anything_is_allocated(blob: bytes) -> None:
    lying = bytearray(blob)
    lying[45:53] = struct.pack('<Q', 2**40)  # the number of points follows header and map class
    with pytest.raises(MapError, match='the points are 1099511627776, over the limit'):
        load_map_bin(bytes(lying))
    lying[45:53] = struct.pack('<Q', 1_000_000)
    with pytest.raises(MapError, match='more than the bytes can hold'):
        load_map_bin(bytes(lying))
    with pytest.raises(MapError, match=f'{len(blob)} bytes are over the limit of 2048'):
        load_map_bin(blob, limits=MapLimits(max_bytes=2048))


def test_coordinates_of_archives(rules_map: Any, make_archive: Any, tmp_path: Path) -> None:
    """Local coordinates count where points carry them, else those inside the archive."""
    bare = rules_map(['crosswalk'], local=False).save(tmp_path / 'bare.osm')
    local = rules_map(['crosswalk']).save(tmp_path / 'local.osm')
    shifted = tmp_path / 'shifted.osm'
    shifted.write_text(
        re.sub(
            r'k="local_x" v="([^"]*)"',
            lambda m: f'k="local_x" v="{float(m[1]) + 1000.0}"',
            local.read_text(),
        )
    )
    plain = load_map(make_archive(bare, tmp_path))
    assert np.abs(plain.centreline.points_m).max() == pytest.approx(90.0, abs=1e-6)
    moved = load_map(make_archive(shifted, tmp_path))
    np.testing.assert_allclose(
        moved.centreline.points_m - [1000, 0, 0], plain.centreline.points_m, atol=1e-6
    )
    assert 'differ from the coordinates inside the archive by up to 1000.0 m' in moved.warnings[0]
    kept = load_map(
        tmp_path / 'shifted.bin', projection=ProjectionParameters(coordinates='projected')
    )
    np.testing.assert_allclose(kept.centreline.points_m, plain.centreline.points_m, atol=1e-6)


def with_generated_centreline(binary: Path, target: Path) -> None:
    """As Autoware's map loader does: give the lanelets centrelines of points without any tags."""
    core = lanelet2.core
    loaded = lanelet2.io.load(str(binary), lanelet2.io.Origin(0, 0))
    for lanelet in list(loaded.laneletLayer):
        points = [
            core.Point3d(core.getId(), point.x, point.y, point.z) for point in lanelet.centerline
        ]
        # In no layer of the map: the archive tells these points where it meets them.
        lanelet.centerline = core.LineString3d(core.getId(), points)
    lanelet2.io.write(str(target), loaded, lanelet2.io.Origin(0, 0))


def test_points_that_the_publisher_made_itself(
    map_text: Any, make_archive: Any, tmp_path: Path
) -> None:
    text = map_text()
    text.straight(0.0, 60.0)
    text.straight(10.0, 60.0, 20.0)
    binary = make_archive(text.save(tmp_path / 'plain.osm'), tmp_path)
    plain = load_map(binary)
    target = tmp_path / 'published.bin'
    with_generated_centreline(binary, target)
    lane_map = load_map_bin(target.read_bytes())
    np.testing.assert_allclose(lane_map.left_border.points_m, plain.left_border.points_m, atol=1e-6)
    for lane in range(2):
        np.testing.assert_allclose(
            lane_map.centreline[lane][[0, -1]], plain.centreline[lane][[0, -1]], atol=1e-3
        )
    assert 'points without local_x and local_y placed by projection' in lane_map.warnings[0]
