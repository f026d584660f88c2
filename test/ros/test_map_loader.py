"""Maps are read in another process; the cycle only picks them up."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='prediction_node.ros needs rclpy')

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.config import Config, CycleParameters
from prediction_node.domain.errors import MapError
from prediction_node.domain.scene import Scene
from prediction_node.domain.stamps import STEP_NS
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.prepared_map import PreparedMap
from prediction_node.resources import share_path
from prediction_node.ros import map_loader
from prediction_node.ros.map_loader import MapLoader, MapTask


def poll_until_done(loader: MapLoader) -> PreparedMap:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        prepared = loader.poll()
        if prepared is not None:
            return prepared
        loader.wait(0.2)
    raise AssertionError('no answer within a minute')


def blob_message(data: bytes) -> bytes:
    return cdr.write_lanelet_map_bin(cdr.LaneletMapBlob(0, 'map', '', '', '', memoryview(data)))


def task(data: bytes, **more: Any) -> MapTask:
    return MapTask(data, Config().map, Config().kinematic, **more)


def test_a_refused_message_raises_what_the_reader_said() -> None:
    loader = MapLoader()
    assert loader.poll() is None
    loader.start(task(blob_message(b'no archive')))
    with pytest.raises(MapError, match='archive'):
        poll_until_done(loader)
    assert loader.poll() is None
    loader.close()


@pytest.fixture(scope='module')
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The sample's map as a message."""
    import lanelet2

    projector = lanelet2.projection.UtmProjector(lanelet2.io.Origin(34.1, -118.3))
    path = str(share_path('samples', 'lankershim', 'map.osm'))
    lanelets, _ = lanelet2.io.loadRobust(path, projector)
    target = tmp_path_factory.mktemp('map') / 'map.bin'
    lanelet2.io.write(str(target), lanelets, projector)
    return blob_message(target.read_bytes())


def test_a_map_comes_with_its_routes(sample: bytes) -> None:
    loader = MapLoader()
    loader.start(task(sample))
    prepared = poll_until_done(loader)
    lane_map = prepared.lane_map
    assert lane_map is not None
    assert len(lane_map) > 50
    assert np.isfinite(lane_map.centreline.points_m).all()
    assert prepared.nodes is None
    assert prepared.drawn is None
    loader.close()


def test_nothing_of_a_new_map_is_left_to_the_cycle(
    sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Routes, nodes and pictures come from the other process: here nobody can make them."""
    pytest.importorskip('onnxruntime', reason='the learned engine needs its runtime')
    from prediction_node.inference.kinematic.road import Road
    from prediction_node.raster import rasterizer
    from prediction_node.raster.tiles import Tiles
    from prediction_node.tensors.map_nodes import MapNodes

    config = dataclasses.replace(Config(), cycle=CycleParameters(max_agents=16))
    pipeline = Pipeline(config, None)
    pipeline.prepare()
    assert pipeline.learned
    scene = observed(pipeline)
    assert pipeline.place_m is not None

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError('the cycle prepares the map')

    with monkeypatch.context() as patch:
        patch.setattr(Road, 'of', refuse)
        patch.setattr(MapNodes, 'of', refuse)
        patch.setattr(rasterizer, 'map_shapes', refuse)
        patch.setattr(Tiles, '_draw', refuse)
        loader = MapLoader()
        loader.start(task(sample, learned=True, place_m=pipeline.place_m))
        before = pipeline.engine.predict(scene)  # without a map, as long as there is none
        pipeline.adopt(poll_until_done(loader))
        loader.close()
        standing = dataclasses.replace(scene.ego, velocity_mps=np.zeros(2))  # draws nothing ahead
        scene = dataclasses.replace(scene, ego=standing, lane_map=pipeline.lane_map)
        prediction = pipeline.engine.predict(scene)
    assert not pipeline.engine.failing, pipeline.engine.last_fault
    assert before.engine == prediction.engine == 'onnx'
    assert np.abs(prediction.pose - before.pose).max() > 0.1  # the map does matter
    other = Pipeline(config, pipeline.lane_map)
    other.prepare()
    np.testing.assert_array_equal(other.engine.predict(scene).pose, prediction.pose)


def observed(pipeline: Pipeline) -> Scene:
    """The scene of the newest release, after the first second of the sample."""
    names = {entry.topic: entry.name for entry in inputs(Config())}
    start_ns = due_ns = None
    with BagReader(share_path('samples', 'lankershim', 'bag')) as bag:
        for log_ns, topic, _, data in bag.messages():
            start_ns = start_ns or log_ns
            due_ns = due_ns or log_ns + STEP_NS
            while log_ns > due_ns:
                perception = pipeline.perceive(due_ns)
                pipeline.answer(perception)
                due_ns += STEP_NS
            if log_ns > start_ns + 10 * STEP_NS:
                break
            if topic in names:
                pipeline.receive(names[topic], data, log_ns)
    assert perception.scene is not None
    return perception.scene


REFUSED = blob_message(b'no archive')
CUT_OFF = b'\x00\x01\x00\x00'


def answers_of(loader: MapLoader) -> list[str]:
    """What becomes of all that was handed over; a refusal by its text."""
    answers = []
    end = time.monotonic() + 60
    while loader._reading is not None and time.monotonic() < end:
        loader.wait(0.2)
        try:
            if loader.poll() is not None:
                answers.append('map')
        except MapError as error:
            answers.append(str(error))
    return answers


def processes_of(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages that a process was started for, from now on."""
    begun: list[bytes] = []
    start = map_loader._Reading.start

    def note(reading: Any) -> None:
        begun.append(reading.task.data)
        start(reading)

    monkeypatch.setattr(map_loader._Reading, 'start', note)
    return begun


def test_a_map_that_is_sent_again_faster_than_it_is_read_is_there_once(
    sample: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = processes_of(monkeypatch)
    loader = MapLoader()
    maps, late = 0, 5
    end = time.monotonic() + 60
    while late and time.monotonic() < end:
        loader.start(task(bytes(bytearray(sample))))  # equal, not the same object
        maps += loader.poll() is not None
        late -= bool(maps)  # also once it is in use
        time.sleep(0.1)
    assert maps == 1
    assert begun == [sample]
    loader.close()


def test_a_newer_message_waits_for_the_one_being_read_and_only_the_newest() -> None:
    loader = MapLoader()
    loader.start(task(REFUSED))
    loader.start(task(blob_message(b'one that is overtaken')))
    loader.start(task(CUT_OFF))
    loader.start(task(CUT_OFF))
    first, second = answers_of(loader)
    assert 'archive' in first
    assert 'archive' not in second
    assert loader.poll() is None


def test_who_goes_back_to_what_is_being_read_drops_what_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = processes_of(monkeypatch)
    loader = MapLoader()
    for data in (REFUSED, CUT_OFF, REFUSED):
        loader.start(task(data))
    assert len(answers_of(loader)) == 1
    assert begun == [REFUSED]


def test_a_refused_message_is_not_read_again_but_the_one_before_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only that tells that the newest message is a good one."""
    begun = processes_of(monkeypatch)
    loader = MapLoader()
    answers = []
    for data in (REFUSED, REFUSED, CUT_OFF, CUT_OFF, REFUSED):
        loader.start(task(data))
        answers += answers_of(loader)
    assert len(answers) == 3
    assert begun == [REFUSED, CUT_OFF, REFUSED]


def test_answers_nobody_fetched_are_told_one_after_the_other() -> None:
    """As in an inactive node, which takes messages and has no cycle."""
    loader = MapLoader()
    for data in (REFUSED, CUT_OFF):
        loader.start(task(data))
        loader.wait(60)
    first, second = answers_of(loader)
    assert 'archive' in first
    assert 'archive' not in second


def test_what_a_dying_process_was_reading_is_read_when_it_is_sent_again(sample: bytes) -> None:
    loader = MapLoader()
    before = set(multiprocessing.active_children())
    loader.start(task(sample))
    end = time.monotonic() + 60
    while not (ours := set(multiprocessing.active_children()) - before):
        assert time.monotonic() < end
        time.sleep(0.01)
    ours.pop().kill()
    assert 'died' in answers_of(loader)[0]
    loader.start(task(sample))
    assert answers_of(loader) == ['map']


def test_closing_ends_the_process_and_drops_what_it_reads() -> None:
    loader = MapLoader()
    before = set(multiprocessing.active_children())
    loader.start(task(blob_message(bytes(1_000_000))))
    loader.start(task(CUT_OFF))
    loader.close()
    assert loader.poll() is None
    assert set(multiprocessing.active_children()) == before
    loader.start(task(CUT_OFF))  # a node configured anew reads what it has read before
    assert len(answers_of(loader)) == 1
