"""Maps are read in another process; the cycle only picks them up."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='prediction_node.ros needs rclpy')

from prediction_node import cdr
from prediction_node.config import Config
from prediction_node.domain.errors import MapError
from prediction_node.inference.kinematic.road import Road
from prediction_node.ros.map_loader import MapLoader


def poll_until_done(loader: MapLoader) -> Road | None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        road = loader.poll()
        if road is not None:
            return road
        loader.wait(0.2)
    raise AssertionError('no answer within a minute')


def blob_message(data: bytes) -> bytes:
    return cdr.write_lanelet_map_bin(cdr.LaneletMapBlob(0, 'map', '', '', '', memoryview(data)))


def test_a_refused_message_raises_what_the_reader_said() -> None:
    loader = MapLoader()
    assert loader.poll() is None
    loader.start(blob_message(b'no archive'), Config().map, Config().kinematic)
    with pytest.raises(MapError, match='archive'):
        poll_until_done(loader)
    assert loader.poll() is None
    loader.close()


def test_a_map_comes_with_its_routes(tmp_path: object) -> None:
    import lanelet2

    from prediction_node.resources import share_path

    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(34.1, -118.3))
    path = str(share_path('samples', 'lankershim', 'map.osm'))
    lanelets, _ = lanelet2.io.loadRobust(path, projector)
    target = f'{tmp_path}/map.bin'
    lanelet2.io.write(target, lanelets, projector)
    with open(target, 'rb') as file:
        blob = file.read()
    loader = MapLoader()
    loader.start(blob_message(blob), Config().map, Config().kinematic)
    road = poll_until_done(loader)
    assert road is not None
    assert len(road.lane_map) > 50
    assert np.isfinite(road.lane_map.centreline.points_m).all()
    loader.close()


def test_a_newer_message_replaces_one_that_is_being_read() -> None:
    loader = MapLoader()
    loader.start(blob_message(b'no archive'), Config().map, Config().kinematic)
    loader.start(b'\x00\x01\x00\x00', Config().map, Config().kinematic)
    with pytest.raises(MapError, match='map message: ') as refused:
        poll_until_done(loader)
    assert 'archive' not in str(refused.value)
    assert loader.poll() is None


def test_closing_ends_the_process_and_drops_what_it_reads() -> None:
    loader = MapLoader()
    before = set(multiprocessing.active_children())
    loader.start(blob_message(bytes(1_000_000)), Config().map, Config().kinematic)
    loader.close()
    assert loader.poll() is None
    assert set(multiprocessing.active_children()) == before
