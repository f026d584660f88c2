"""A recording in; the same predictions, figures and exit status out, every time."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.bags.types import type_store
from prediction_node.config import Config
from prediction_node.domain.errors import BagError, ParameterError
from prediction_node.domain.stamps import STEP_NS
from prediction_node.pipeline import Pipeline
from prediction_node.replay.run import Replay
from prediction_node.replay.topics import map_topics
from prediction_node.scorecard.witness import Witness

OBJECTS = '/perception/object_recognition/objects'
TRACKS = '/prediction/output/tracks'
UNCERTAINTY = '/prediction/output/uncertainty'
MARKERS = '/prediction/debug/markers'
TRUTH_MARKERS = '/prediction/debug/truth'
FIGURES = {'ade', 'fde', 'min_ade', 'min_fde', 'miss_rate', 'brier_min_fde', 'windows'}


def outputs(folder: Path) -> dict[str, list[tuple[int, bytes]]]:
    """Topic -> log times and bytes, as rosbags reads the folder."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    with Reader(folder) as bag:
        for connection, log_ns, data in bag.messages():
            found.setdefault(connection.topic, []).append((log_ns, data))
    return found


@pytest.fixture(scope='module')
def drive_bag(drive: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = drive.write(tmp_path_factory.mktemp('drive') / 'bag', drive.messages(4.0))
    return folder


def test_inputs_are_kept_and_every_release_is_added(
    drive_bag: Path, drive: Any, replay: Any, tmp_path: Path
) -> None:
    assert replay(drive_bag, '--out', tmp_path) == 0
    found = outputs(tmp_path)
    with BagReader(drive_bag) as bag:
        for message in bag.messages():
            assert (message.log_ns, message.data) in found[message.topic]
    releases = [log_ns for log_ns, _ in found[OBJECTS]]
    assert releases[0] == drive.START_NS + STEP_NS  # the first tenth after the first odometry
    assert set(np.diff(releases)) == {STEP_NS}
    assert len(releases) == 41
    for topic in (TRACKS, UNCERTAINTY, MARKERS, TRUTH_MARKERS):
        assert [log_ns for log_ns, _ in found[topic]] == releases


def test_predictions_are_right_where_the_world_is_simple(
    drive_bag: Path, drive: Any, replay: Any, tmp_path: Path
) -> None:
    """One modality, no tf, no signals, no map: cars of constant velocity are predicted as such."""
    assert replay(drive_bag, '--out', tmp_path) == 0
    log_ns, data = outputs(tmp_path)[OBJECTS][30]
    objects = cdr.read_predicted_objects(data)
    assert objects.frame_id == 'map'
    assert 0 <= log_ns - objects.stamp_ns <= 20_000_000
    assert len(objects.position) == 3
    order = np.argsort(objects.position[:, 1])
    expected = drive.position_m(objects.stamp_ns)
    np.testing.assert_allclose(objects.position[order, :2], expected, atol=0.3)
    best = objects.path_offsets[:-1][order]
    ahead = objects.path_position[best, 20, :2]
    expected = drive.position_m(objects.stamp_ns + 20 * STEP_NS)
    np.testing.assert_allclose(ahead, expected, atol=1.5)


def test_metrics_have_exactly_the_promised_structure(
    drive_bag: Path, replay: Any, tmp_path: Path
) -> None:
    assert replay(drive_bag, '--out', tmp_path) == 0
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert set(metrics) == {'onnx', 'constant_velocity', 'calibration'}
    assert set(metrics['calibration']) == {'ece'}
    assert 0.0 <= metrics['calibration']['ece'] <= 1.0
    for engine in ('onnx', 'constant_velocity'):
        assert set(metrics[engine]) == {'car'}
        for motion in ('moving', 'all'):
            assert set(metrics[engine]['car'][motion]) == {'1s', '3s', '5s', '8s'}
            for cell in metrics[engine]['car'][motion].values():
                assert set(cell) == FIGURES
    assert metrics['constant_velocity']['car']['moving']['3s']['windows'] > 10
    assert metrics['constant_velocity']['car']['moving']['3s']['min_fde'] < 0.5
    assert metrics['onnx']['car']['all']['8s']['windows'] == 0
    assert metrics['onnx']['car']['all']['8s']['ade'] is None


def test_the_same_recording_gives_the_same_bytes(
    drive_bag: Path, replay: Any, tmp_path: Path
) -> None:
    runs = [tmp_path / str(i) for i in range(5)]
    for folder in runs:
        assert replay(drive_bag, '--out', folder) == 0
    for name in ('predictions.mcap', 'metadata.yaml', 'metrics.json', 'summary.json'):
        contents = {(folder / name).read_bytes() for folder in runs}
        assert len(contents) == 1, name


def test_neither_hash_seeds_nor_threads_matter_and_ros_is_not_needed(
    drive_bag: Path, tmp_path: Path
) -> None:
    """The command line itself, in processes of its own."""
    program = (
        'import sys\n'
        'from prediction_node.cli import main\n'
        'status = main(sys.argv[1:])\n'
        "assert 'rclpy' not in sys.modules\n"
        'sys.exit(status)\n'
    )
    contents = set()
    for number in ('1', '2'):
        out = tmp_path / number
        done = subprocess.run(
            [sys.executable, '-c', program, 'replay', drive_bag, '--out', out, '--no-report'],
            env={**os.environ, 'PYTHONHASHSEED': number, 'OMP_NUM_THREADS': number},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        contents.add((out / 'predictions.mcap').read_bytes() + (out / 'metrics.json').read_bytes())
    assert len(contents) == 1


def test_every_topic_is_read_by_its_recorded_definition(
    drive_bag: Path, replay: Any, tmp_path: Path
) -> None:
    """As Foxglove does it: nothing but what the recording itself says about its types."""
    assert replay(drive_bag, '--out', tmp_path) == 0
    with AnyReader([tmp_path], default_typestore=get_typestore(Stores.EMPTY)) as bag:
        first: dict[str, Any] = {}
        for connection, _, data in bag.messages():
            if connection.topic not in first:
                first[connection.topic] = bag.deserialize(data, connection.msgtype)
    assert {OBJECTS, TRACKS, UNCERTAINTY, MARKERS, TRUTH_MARKERS} <= set(first)


def test_a_replay_of_a_replay_predicts_the_same(
    drive_bag: Path, replay: Any, tmp_path: Path
) -> None:
    """The outputs in a recording are no inputs, and do not pile up."""
    assert replay(drive_bag, '--out', tmp_path / 'first') == 0
    assert replay(tmp_path / 'first', '--out', tmp_path / 'second') == 0
    first, second = outputs(tmp_path / 'first'), outputs(tmp_path / 'second')
    assert {t: sorted(m) for t, m in first.items()} == {t: sorted(m) for t, m in second.items()}


def test_the_storage_does_not_matter(
    drive_bag: Path, replay: Any, tmp_path: Path, drive: Any
) -> None:
    sqlite = tmp_path / 'sqlite'
    with Writer(sqlite, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        topics: dict[str, Any] = {}
        for m in drive.messages(4.0):
            if m.topic not in topics:
                topics[m.topic] = bag.add_connection(m.topic, m.type, typestore=type_store())
            bag.write(topics[m.topic], m.log_ns, m.data)
    assert replay(drive_bag, '--out', tmp_path / 'a') == 0
    assert replay(sqlite, '--out', tmp_path / 'b') == 0
    assert replay(next(drive_bag.glob('*.mcap')), '--out', tmp_path / 'c') == 0
    a, b, c = (outputs(tmp_path / name)[OBJECTS] for name in 'abc')
    assert a == b == c


def test_without_recorded_truth_the_fused_tracks_are_the_truth(
    drive: Any, replay: Any, tmp_path: Path
) -> None:
    messages = drive.messages(4.0, [drive.ODOMETRY, drive.LIDAR])
    assert replay(drive.write(tmp_path / 'bag', messages), '--out', tmp_path / 'out') == 0
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    metrics = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert summary['truth'] == 'fused tracks of this replay'
    assert metrics['constant_velocity']['car']['moving']['1s']['windows'] > 50
    assert metrics['constant_velocity']['car']['moving']['1s']['min_fde'] < 0.3


def test_a_message_counts_for_a_release_if_it_was_logged_by_then(
    drive: Any, replay: Any, tmp_path: Path
) -> None:
    """Cars appear by messages logged exactly at a release; one nanosecond later is too late."""
    release = drive.START_NS + 10 * STEP_NS
    counts = {}
    for late_ns in (0, 1):
        messages = drive.messages(2.0, [drive.ODOMETRY])
        for k in range(3):  # enough for fusion to believe it
            stamp = release - (40 - 20 * k) * 1_000_000
            log_ns = release + late_ns
            messages.append(
                drive.messages(0.0, [drive.LIDAR])[0]._replace(
                    log_ns=log_ns, data=drive.tracks(stamp)
                )
            )
        folder = drive.write(tmp_path / f'bag{late_ns}', sorted(messages, key=lambda m: m.log_ns))
        assert replay(folder, '--out', tmp_path / f'out{late_ns}') == 0
        objects = dict(outputs(tmp_path / f'out{late_ns}')[TRACKS])
        counts[late_ns] = len(cdr.read_tracked_objects(objects[release]).position)
    assert counts == {0: 3, 1: 0}


def test_a_pause_of_the_recorder_is_not_filled_with_releases(
    drive: Any, replay: Any, tmp_path: Path
) -> None:
    hour = 3_600_000_000_000
    first = drive.messages(1.0)
    later = [m._replace(log_ns=m.log_ns + hour) for m in drive.messages(1.0)]
    assert replay(drive.write(tmp_path / 'bag', first + later), '--out', tmp_path / 'out') == 0
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['pauses'] == 1
    assert summary['releases'] < 60
    stamps = [log_ns for log_ns, _ in outputs(tmp_path / 'out')[OBJECTS]]
    assert stamps[-1] >= drive.START_NS + hour + 10 * STEP_NS
    assert not any(drive.START_NS + 40 * STEP_NS < s < drive.START_NS + hour for s in stamps)


def test_a_limit_ends_the_replay(drive_bag: Path, replay: Any, tmp_path: Path) -> None:
    assert replay(drive_bag, '--out', tmp_path, '--limit-s', 1.0) == 0
    found = outputs(tmp_path)[OBJECTS]
    assert [(log_ns - found[0][0]) // STEP_NS for log_ns, _ in found] == list(range(11))


def test_garbage_in_messages_does_not_stop_a_replay(
    drive: Any, replay: Any, tmp_path: Path
) -> None:
    messages = []
    for i, m in enumerate(drive.messages(2.0)):
        messages.append(m._replace(data=m.data[: len(m.data) // 2]) if i % 5 == 3 else m)
    assert replay(drive.write(tmp_path / 'bag', messages), '--out', tmp_path / 'out') == 0
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['unreadable_truth_messages'] > 0
    assert summary['most_agents'] == 3


@pytest.mark.parametrize('share', [0.3, 0.6, 0.9])
def test_a_damaged_recording_is_used_as_far_as_it_goes(
    drive: Any, replay: Any, tmp_path: Path, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    drive_bag = drive.write(tmp_path / 'bag', drive.messages(4.0), level=0)
    whole = next(drive_bag.glob('*.mcap')).read_bytes()
    cut = tmp_path / 'cut.mcap'
    cut.write_bytes(whole[: int(share * len(whole))])
    assert replay(cut, '--out', tmp_path / 'out') == 3
    assert 'damaged: cut.mcap: it is cut at byte' in ' '.join(capsys.readouterr().out.split())
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert 'lost from' in summary['damage'][0]
    assert replay(drive_bag, '--out', tmp_path / 'whole') == 0
    part, full = outputs(tmp_path / 'out')[OBJECTS], outputs(tmp_path / 'whole')[OBJECTS]
    assert 0 < len(part) < len(full)
    assert part[:-1] == full[: len(part) - 1]  # the last release may have lost a message


def test_a_wrong_type_hash_takes_the_topic_out_and_is_told(
    drive: Any, replay: Any, tmp_path: Path
) -> None:
    folder = tmp_path / 'bag'
    with Writer(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        topics: dict[str, Any] = {}
        for m in drive.messages(1.0):
            if m.topic not in topics:
                topics[m.topic] = bag.add_connection(m.topic, m.type, typestore=type_store())
            bag.write(topics[m.topic], m.log_ns, m.data)
    file = next(folder.glob('*.db3'))
    with sqlite3.connect(file) as db:
        db.execute('DELETE FROM message_definitions')
        db.execute(
            "UPDATE topics SET type_description_hash = 'RIHS01_0' WHERE name = ?", (drive.TRUTH,)
        )
    db.close()
    assert replay(file, '--out', tmp_path / 'out') == 3
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['topics']['ground_truth'] is None
    assert 'its type hash is not that of' in summary['damage'][0]


def test_without_odometry_nothing_can_be_done(drive: Any, replay: Any, tmp_path: Path) -> None:
    bag = drive.write(tmp_path / 'bag', drive.messages(1.0, [drive.LIDAR]))
    with pytest.raises(ParameterError, match='without the pose of the vehicle nothing can be'):
        replay(bag, '--out', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_no_recording_is_overwritten(drive_bag: Path, replay: Any, tmp_path: Path) -> None:
    before = {f.name: f.read_bytes() for f in drive_bag.iterdir()}
    with pytest.raises(BagError, match='where the recording itself lies'):
        replay(drive_bag, '--out', drive_bag)
    with pytest.raises(BagError, match='where the recording itself lies'):
        replay(next(drive_bag.glob('*.mcap')), '--out', drive_bag)
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'metadata.yaml').write_text((drive_bag / 'metadata.yaml').read_text())
    with pytest.raises(BagError, match='holds another recording'):
        replay(drive_bag, '--out', other)
    assert {f.name: f.read_bytes() for f in drive_bag.iterdir()} == before


def test_an_earlier_replay_is_replaced(drive_bag: Path, replay: Any, tmp_path: Path) -> None:
    assert replay(drive_bag, '--out', tmp_path, '--limit-s', 0.5) == 0
    assert replay(drive_bag, '--out', tmp_path) == 0
    assert len(outputs(tmp_path)[OBJECTS]) == 41
    assert not [f for f in tmp_path.iterdir() if f.name.startswith('.')]


def test_a_map_in_the_recording_is_used(drive: Any, replay: Any, tmp_path: Path) -> None:
    from prediction_node.bags.values import Message

    lanelet2 = pytest.importorskip('lanelet2')
    straight = lanelet2.core.LineString3d
    point = lanelet2.core.Point3d

    def line(key: int, y: float) -> Any:
        ends = [point(10 * key + i, x, y, 0.0) for i, x in enumerate((-50.0, 50.0, 400.0))]
        return straight(key, ends)

    lane = lanelet2.core.Lanelet(900, line(1, 10.0), line(2, 6.0))
    lane.attributes['subtype'] = 'road'
    lane.attributes['location'] = 'urban'
    road = lanelet2.core.LaneletMap()
    road.add(lane)
    file = tmp_path / 'map.bin'
    lanelet2.io.write(str(file), road, lanelet2.projection.UtmProjector(lanelet2.io.Origin(0, 0)))
    blob = cdr.LaneletMapBlob(drive.START_NS, 'map', '1', '1', 'lane', file.read_bytes())
    data = cdr.write_lanelet_map_bin(blob)
    recorded = Message(
        drive.START_NS, '/map/vector_map', 'autoware_map_msgs/msg/LaneletMapBin', data
    )
    bag = drive.write(tmp_path / 'bag', [recorded, *drive.messages(1.0)])
    assert replay(bag, '--out', tmp_path / 'out') == 0
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['map'] == 'in the recording'
    assert 'no map' not in summary['reasons']


def test_the_scorecard_is_what_the_running_node_would_say(
    drive_bag: Path, replay: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(drive_bag, '--out', tmp_path) == 0
    printed = capsys.readouterr().out
    with BagReader(drive_bag) as bag:
        mapping = map_topics(bag.topics, Config())
        pipeline = Pipeline(mapping.config, None)
        witness = Witness(mapping.config.scorecard, {})

        class Node:
            def keep(self, messages: Any, perception: Any) -> None:
                if perception is not None:
                    witness.see(pipeline.answer(perception))

        Replay(pipeline, mapping.pipeline_inputs(recorded_map=True), Node()).run(
            bag, lambda log_ns: None
        )
    said = json.loads((tmp_path / 'summary.json').read_text())['scorecard']
    assert said == witness.scorecard.figures()
    cars = said['classes']['car']
    # Three cars over 4 s: a prediction of every release is a second old before 3 s are over.
    assert 80 <= cars['1s']['n'] <= 93
    assert set(cars) == {'1s', '3s'}
    table = printed[printed.index('Scorecard') :]
    row = next(line for line in table.splitlines() if ' car ' in line)
    assert f'{cars["1s"]["fde_m"]:.2f} ({cars["1s"]["constant_velocity_fde_m"]:.2f})' in row
    assert f'{cars["1s"]["ece"]:.3f}' in row


def test_no_scorecard_is_kept_where_the_node_keeps_none(
    drive_bag: Path, replay: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text('prediction: {ros__parameters: {scorecard: {enabled: false}}}')
    assert replay(drive_bag, '--out', tmp_path / 'out', '--config', parameters) == 0
    assert json.loads((tmp_path / 'out' / 'summary.json').read_text())['scorecard'] is None
    assert 'Scorecard' not in capsys.readouterr().out


def test_figures_are_finite_numbers_or_null(drive_bag: Path, replay: Any, tmp_path: Path) -> None:
    assert replay(drive_bag, '--out', tmp_path, '--engine', 'constant_velocity') == 0

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, float):
            assert math.isfinite(value)

    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert set(metrics) == {'constant_velocity', 'calibration'}
    walk(metrics)
    walk(json.loads((tmp_path / 'summary.json').read_text()))
