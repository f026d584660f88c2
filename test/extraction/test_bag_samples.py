"""Drives cut into samples: scenes are the pipeline's, futures the log's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.bags.reader import BagReader
from prediction_node.bags.writer import BagWriter
from prediction_node.cli import main
from prediction_node.config import Config
from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.scene import History
from prediction_node.extraction.frames import Frame, Frames, whose
from prediction_node.learning.samples import SampleStore
from prediction_node.pipeline import Pipeline
from prediction_node.replay.run import Replay
from prediction_node.replay.topics import map_topics
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.bag import TRUTH, write_bag

SECONDS = 12.0
STEP_NS = 100_000_000


@pytest.fixture(scope='module')
def drive(recording_of: Any, tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp('drive')
    write_bag(recording_of(SECONDS), SuiteParameters(), 0, folder / 'bag', level=1)
    return Path(folder)


@pytest.fixture(scope='module')
def store(drive: Path) -> SampleStore:
    out = drive / 'samples'
    arguments = ['extract', str(drive / 'bag'), '--out', str(out), '--stride-s', '1', '--jobs', '1']
    assert main(arguments) == 0
    return SampleStore(out)


def test_futures_are_the_truths(store: SampleStore, recording_of: Any) -> None:
    recording = recording_of(SECONDS)
    samples = list(store)
    assert len(samples) >= 8
    assert {sample.origin for sample in samples} == {'sensed'}
    known = 0
    for sample in samples:
        now = (sample.scene.stamp_ns - recording.stamp_ns[0]) / STEP_NS
        for i in np.flatnonzero(sample.future_valid[:, 0]):
            ahead = np.arange(1, sample.future_valid[i].sum() + 1)
            errors = []
            for row in range(1, len(recording.track_id)):
                x, y = (
                    np.interp(now + ahead, np.arange(121), recording.position_m[row, :, c])
                    for c in (0, 1)
                )
                errors.append(np.hypot(*(sample.future_m[i, : len(ahead)] - np.stack([x, y], 1)).T))
            best = int(np.argmin([e.max() for e in errors]))
            assert errors[best].max() < 0.02
            assert sample.label[i] == recording.label[1 + best]
            # The agent is that body as the sensors have it: near, but not exact.
            assert np.hypot(*(sample.scene.agents.position_m[i, :2] - sample.future_m[i, 0])) < 3.0
            known += 1
    assert known > 4 * len(samples)


def test_futures_end_with_the_recording(store: SampleStore, recording_of: Any) -> None:
    end_ns = int(recording_of(SECONDS).stamp_ns[-1])
    for sample in store:
        last = sample.scene.stamp_ns + STEP_NS * np.arange(1, 81)
        assert not sample.future_valid[:, last > end_ns].any()
        assert not sample.ego_future_valid[last > end_ns + 3 * STEP_NS].any()


def test_the_robotaxis_future_is_its_odometry(store: SampleStore) -> None:
    samples = list(store)
    for a, b in zip(samples[:-2], samples[2:], strict=True):
        step = (b.scene.stamp_ns - a.scene.stamp_ns) / STEP_NS - 1
        if not a.ego_future_valid[int(np.ceil(step))]:
            continue
        x, y, speed = (np.interp(step, np.arange(80), a.ego_future[:, c]) for c in (0, 1, 3))
        np.testing.assert_allclose((x, y), b.scene.ego.position_m, atol=0.05)
        assert speed == pytest.approx(b.scene.ego.velocity_mps[0], abs=0.3)


def test_scenes_are_those_of_the_pipeline(store: SampleStore, drive: Path) -> None:
    seen: dict[int, Any] = {}

    class Keeper:
        def keep(self, messages: Any, perception: Any) -> None:
            if perception is not None and perception.scene is not None:
                seen[perception.scene.stamp_ns] = perception.scene

    with BagReader(drive / 'bag') as bag:
        mapping = map_topics(bag.topics, Config())
        pipeline = Pipeline(mapping.config, None)
        Replay(pipeline, mapping.pipeline_inputs(recorded_map=True), Keeper()).run(
            bag, lambda log_ns: None
        )
    for sample in store:
        scene = seen[sample.scene.stamp_ns]
        np.testing.assert_array_equal(scene.agents.uuid, sample.scene.agents.uuid)
        np.testing.assert_allclose(
            scene.history.position_m, sample.scene.history.position_m, atol=1e-4
        )
        np.testing.assert_array_equal(scene.history.valid, sample.scene.history.valid)
        assert (sample.scene.ego_history is None) == (scene.ego_history is None)


def test_without_truth_the_tracks_are_their_own(drive: Path, tmp_path: Path) -> None:
    with BagReader(drive / 'bag') as bag, BagWriter(tmp_path / 'bag') as copy:
        for topic in bag.topics:
            if topic.name != TRUTH:
                copy.add_topic(topic.name, topic.type)
        for message in bag.messages():
            if message.topic != TRUTH:
                copy.write(message.topic, message.log_ns, message.data)
    out = tmp_path / 'samples'
    assert main(['extract', str(tmp_path / 'bag'), '--out', str(out), '--jobs', '1']) == 0
    samples = list(SampleStore(out))
    assert {sample.origin for sample in samples} == {'recorded'}
    later = {s.scene.stamp_ns: s for s in samples}
    compared = 0
    for sample in samples:
        valid = sample.future_valid
        # Once unknown, unknown for good.
        assert not (valid[:, 1:] & ~valid[:, :-1]).any()
        then = later.get(sample.scene.stamp_ns + 10 * STEP_NS)
        if then is None:
            continue
        uuids = [u.tobytes() for u in then.scene.agents.uuid]
        for i in np.flatnonzero(valid[:, 9]):
            key = sample.scene.agents.uuid[i].tobytes()
            if key in uuids:
                place = then.scene.agents.position_m[uuids.index(key), :2]
                np.testing.assert_allclose(sample.future_m[i, 9], place, atol=1e-3)
                compared += 1
    assert compared > 10


def frames_of(position_m: np.ndarray, label: int, instants: int = 20) -> Frames:
    frames = Frames()
    for k in range(instants):
        frames.add(
            Frame(
                stamp_ns=STEP_NS * k,
                ids=[bytes([m]) * 16 for m in range(len(position_m))],
                position_m=position_m,
                yaw_rad=np.zeros(len(position_m)),
                label=np.full(len(position_m), label, np.int8),
            )
        )
    return frames


def standing(position_m: np.ndarray) -> History:
    n = len(position_m)
    return History(
        position_m=np.repeat(position_m[:, None], 31, axis=1),
        yaw_rad=np.zeros((n, 31)),
        velocity_mps=np.zeros((n, 31, 2)),
        valid=np.ones((n, 31), bool),
    )


def agents_at(agents_of: Any, position_m: np.ndarray) -> Agents:
    at = np.column_stack([position_m, np.zeros(len(position_m))])
    made: Agents = agents_of(len(position_m), stamp_ns=15 * STEP_NS, position_m=at)
    return made


def test_each_track_is_of_one_body_and_phantoms_of_none(agents_of: Any) -> None:
    bodies = frames_of(np.array([[0.0, 0.0], [3.0, 0.0], [50.0, 0.0]]), ObjectClass.CAR).bodies()
    places = np.array([[1.4, 0.0], [2.9, 0.1], [20.0, 0.0]])
    found = whose(agents_at(agents_of, places), standing(places), bodies)
    assert found.tolist() == [0, 1, -1]


def test_a_track_that_has_just_changed_bodies_is_nobodys(agents_of: Any) -> None:
    bodies = frames_of(np.array([[0.0, 0.0], [8.0, 0.0]]), ObjectClass.CAR).bodies()
    places = np.array([[8.0, 0.0]])
    past = standing(places)
    past.position_m[0, :-2] = 0.0
    assert whose(agents_at(agents_of, places), past, bodies).tolist() == [-1]
    past.position_m[0, :-2] = (8.1, 0.0)
    assert whose(agents_at(agents_of, places), past, bodies).tolist() == [1]


def test_a_walker_beside_a_car_is_not_the_car(agents_of: Any) -> None:
    bodies = frames_of(np.array([[1.5, 0.0]]), ObjectClass.PEDESTRIAN).bodies()
    places = np.array([[0.0, 0.0]])
    assert whose(agents_at(agents_of, places), standing(places), bodies).tolist() == [-1]


def test_frames_that_repeat_are_left_out() -> None:
    frames = frames_of(np.zeros((1, 2)), ObjectClass.CAR, 5)
    frames.add(Frame(2 * STEP_NS, [b'x' * 16], np.ones((1, 2)), np.zeros(1), np.zeros(1, np.int8)))
    assert len(frames.bodies().row) == 1
    frames.drop_before(3 * STEP_NS)
    assert frames.bodies().tracks.stamp_ns.tolist() == [3 * STEP_NS, 4 * STEP_NS]


def test_a_bag_without_odometry_is_listed(tmp_path: Path, capsys: Any) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic(TRUTH, 'autoware_perception_msgs/msg/TrackedObjects')
    out = tmp_path / 'out'
    assert main(['extract', str(tmp_path / 'bag'), '--out', str(out), '--jobs', '1']) == 1
    assert 'failed after 2 tries' in capsys.readouterr().out
    assert len(SampleStore(out)) == 0
