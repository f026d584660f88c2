"""From message bytes to prediction bytes: laws of the whole, and what no fault may break."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from prediction_node import cdr
from prediction_node.config import Config
from prediction_node.domain.frames import rotation_2d, wrap_angle
from prediction_node.pipeline import DEGRADED, LOST, NOMINAL, Pipeline, Release
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.vehicle.messages import messages

STEP_NS = 100_000_000
EXACT_ODOMETRY = SuiteParameters(
    odometry_sigma_m=0.0, odometry_sigma_yaw_deg=0.0, odometry_sigma_speed_mps=0.0
)
Message = tuple[int, str, bytes]  # log time, input name, bytes
Stream = Callable[[Any], list[Message]]
Run = Callable[..., list[Release]]


@pytest.fixture(scope='session')
def stream(inputs_of: Callable[..., list[Message]]) -> Stream:
    """What the four sensors, odometry and tf of a drive send, in order of arrival."""

    def sent(recording: Any) -> list[Message]:
        return inputs_of(messages(recording, EXACT_ODOMETRY, 0))

    return sent


@pytest.fixture(scope='session')
def run(releases_of: Callable[..., Iterable[Release]]) -> Run:
    """All releases up to the one that sees the last message, and `cycles_after` it."""

    def drive(
        sent: Iterable[Message], pipeline: Pipeline | None = None, *, cycles_after: int = 0
    ) -> list[Release]:
        pipeline = pipeline or Pipeline(Config(), None)
        return list(releases_of(pipeline, sent, cycles_after=1 + cycles_after))

    return drive


@pytest.fixture(scope='module')
def drive(stream: Stream, recording_of: Any) -> list[Message]:
    return stream(recording_of())


@pytest.fixture(scope='module')
def baseline(run: Run, drive: list[Message]) -> list[Release]:
    return run(drive)


def assert_sound(releases: Iterable[Release]) -> None:
    """What every output must be, whatever came in."""
    for release in releases:
        prediction = release.prediction
        assert np.isfinite(prediction.pose).all()
        assert np.isfinite(prediction.sigma).all()
        np.testing.assert_allclose(prediction.probability.sum(axis=1), 1.0, atol=1e-6)
        assert prediction.engine in ('onnx', 'none')
        read = cdr.read_predicted_objects(release.objects_cdr)
        assert read.stamp_ns == release.stamp_ns
        assert len(read.object_id) == len(prediction.agents)


def nearest(release: Release, xy: np.ndarray) -> int:
    distance = np.hypot(*(release.prediction.agents.position_m[:, :2] - xy).T)
    assert distance.min() < 2.0
    return int(distance.argmin())


def test_everybody_on_the_ground_is_predicted(baseline: list[Release], recording_of: Any) -> None:
    assert_sound(baseline)
    last = baseline[-1]
    assert last.mode == DEGRADED
    assert last.reasons == ('no map',)
    truth = recording_of()
    behind_s = (int(truth.stamp_ns[-1]) - last.stamp_ns) / 1e9
    for body in range(1, 7):
        where = truth.position_m[body, -1, :2] - behind_s * truth.velocity_mps[body, -1]
        i = nearest(last, where)
        assert last.prediction.agents.label[i] == truth.label[body]


def test_the_same_messages_give_the_same_bytes(
    run: Run, drive: list[Message], baseline: list[Release]
) -> None:
    again = run(drive)
    assert [r.objects_cdr for r in again] == [r.objects_cdr for r in baseline]
    assert [r.uncertainty_cdr for r in again] == [r.uncertainty_cdr for r in baseline]
    assert [r.tracks_cdr for r in again] == [r.tracks_cdr for r in baseline]


def test_the_order_of_arrival_within_a_cycle_does_not_matter(
    drive: list[Message], baseline: list[Release]
) -> None:
    rng = np.random.default_rng(5)
    start = drive[0][0]
    keys = [((log - start - 1) // STEP_NS, rng.random()) for log, _, _ in drive]
    keys[0] = (-1, 0.0)
    shuffled = [drive[i] for i in sorted(range(len(drive)), key=keys.__getitem__)]
    assert shuffled != drive
    # Arrival times stay with their messages: only the order of the calls changes.
    pipeline = Pipeline(Config(), None)
    releases = []
    release_ns = start + STEP_NS
    at = 0
    while at < len(shuffled):
        while at < len(shuffled) and shuffled[at][0] <= release_ns:
            pipeline.receive(shuffled[at][1], shuffled[at][2], shuffled[at][0])
            at += 1
        releases.append(pipeline.release(release_ns))
        release_ns += STEP_NS
    assert [r.objects_cdr for r in releases] == [r.objects_cdr for r in baseline]


@pytest.mark.parametrize(
    ('turn_rad', 'shift_m'),
    [(0.7, (0.0, 0.0)), (-2.5, (120.0, -60.0)), (0.0, (5.0e6, -3.0e6)), (np.pi, (0.0, 5.0e6))],
)
def test_turn_and_move_the_world_and_the_predictions_turn_and_move(
    run: Run,
    stream: Stream,
    recording_of: Any,
    baseline: list[Release],
    turn_rad: float,
    shift_m: tuple[float, float],
) -> None:
    moved = run(stream(recording_of(turn_rad=turn_rad, shift_m=shift_m)))[-1].prediction
    still = baseline[-1].prediction
    turn = rotation_2d(np.float64(turn_rad))
    assert len(moved.agents) == len(still.agents)
    expected = still.pose[..., :2] @ turn.T + np.array(shift_m)
    for i in range(len(still.agents)):
        j = int(np.argmin(np.hypot(*(moved.agents.position_m[:, :2] - expected[i, 0, 0]).T)))
        np.testing.assert_allclose(moved.probability[j], still.probability[i], atol=1e-3)
        used = still.probability[i] > 0
        assert np.abs(moved.pose[j, used, :, :2] - expected[i, used]).max() < 0.01
        turned = wrap_angle(moved.pose[j, used, :, 2] - still.pose[i, used, :, 2] - turn_rad)
        # Slow agents' learned headings come from steps of centimetres.
        assert np.abs(turned).max() < 0.02


@pytest.mark.parametrize('lost', ['camera', 'lidar', 'radar', 'thermal'])
def test_a_lost_modality_is_named_and_the_list_stays(
    run: Run, drive: list[Message], lost: str
) -> None:
    start = drive[0][0]
    kept = [m for m in drive if m[1] != lost or m[0] < start + 2_000_000_000]
    releases = run(kept)
    assert_sound(releases)
    assert f'{lost} lost' in releases[-1].reasons
    labels = releases[-1].prediction.agents.label
    assert len(labels) >= 5


def test_without_odometry_it_coasts_a_second_and_then_is_empty(
    run: Run, drive: list[Message]
) -> None:
    releases = run(drive, cycles_after=30)
    assert_sound(releases)
    lost = [r for r in releases if r.mode == LOST and r.release_ns > drive[-1][0]]
    assert len(lost) >= 15
    assert all(len(r.prediction.agents) == 0 for r in lost)
    stamps = {r.stamp_ns for r in lost}
    assert len(stamps) == 1  # nothing stale under a fresh stamp
    newest_odometry = max(log for log, name, _ in drive if name == 'odometry')
    assert stamps.pop() - newest_odometry <= 1_000_000_000


def restamped(sent: Iterable[Message], shift_ns: int) -> list[Message]:
    """The same messages, later in log time, with stamps as they were: a bag that loops."""
    return [(log + shift_ns, name, data) for log, name, data in sent]


def test_a_looping_bag_resets_once_and_goes_on(
    run: Run, drive: list[Message], baseline: list[Release]
) -> None:
    length = drive[-1][0] - drive[0][0] + STEP_NS
    releases = run(drive + restamped(drive, length // STEP_NS * STEP_NS))
    assert_sound(releases)
    notices = [r for r in releases if r.notice]
    assert len(notices) == 1
    after = releases.index(notices[0])
    assert len(releases[-1].prediction.agents) == len(baseline[-1].prediction.agents)
    assert all(r.mode != LOST for r in releases[after + 2 :])


def with_bodies(
    drive: list[Message], change: Callable[[Any], Any], source: str = 'lidar'
) -> list[Message]:
    """The drive with the arrays of every LiDAR message changed."""
    return [
        (log, name, cdr.write_tracked_objects(change(cdr.read_tracked_objects(data))))
        if name == source
        else (log, name, data)
        for log, name, data in drive
    ]


BAD_VALUES = [np.nan, np.inf, -np.inf, 1e308, 5e-324]


@pytest.mark.parametrize('bad', BAD_VALUES)
@pytest.mark.parametrize(
    'field', ['position', 'orientation', 'twist_linear', 'dimensions', 'pose_covariance']
)
def test_a_bad_value_costs_its_object_not_the_frame(
    run: Run, stream: Stream, recording_of: Any, field: str, bad: float
) -> None:
    def spoil(arrays: Any) -> Any:
        if not len(arrays.position):
            return arrays
        values = getattr(arrays, field).copy()
        values[0] = bad
        return dataclasses.replace(arrays, **{field: values})

    releases = run(with_bodies(stream(recording_of(1.5)), spoil))
    assert_sound(releases)
    assert len(releases[-1].prediction.agents) >= 5


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\x00',
        b'\x00\x01\x00\x00',
        b'\x00\x01\x00\x00' + bytes(3),
        b'\x00\x01\x00\x00' + b'\xff' * 1000,
        b'\x09\x09\x00\x00' + bytes(200),
    ],
)
def test_unreadable_bytes_on_every_input_change_nothing(
    run: Run, stream: Stream, recording_of: Any, data: bytes
) -> None:
    sent = stream(recording_of(1.0))
    pipeline = Pipeline(Config(), None)
    spoiled = []
    for message in sent:
        spoiled.append(message)
        if message[1] != 'tf_static':
            spoiled.append((message[0], message[1], data))
    spoiled.insert(1, (sent[0][0], 'vector_map', data))
    with_garbage, clean = run(spoiled, pipeline), run(sent)
    assert [r.objects_cdr for r in with_garbage] == [r.objects_cdr for r in clean]
    assert pipeline.map_error


def test_a_hundred_thousand_objects_are_bounded_work(
    run: Run, stream: Stream, recording_of: Any
) -> None:
    def flood(arrays: Any) -> Any:
        n = 100_000
        rows = np.arange(n) % max(len(arrays.position), 1)
        if not len(arrays.position):
            return arrays
        changed = {
            f.name: getattr(arrays, f.name)[rows]
            for f in dataclasses.fields(arrays)
            if isinstance(getattr(arrays, f.name), np.ndarray)
            and len(getattr(arrays, f.name)) == len(arrays.position)
            and f.name not in ('class_label', 'class_probability')
        }
        changed['position'] = changed['position'] + np.random.default_rng(0).uniform(
            -500, 500, (n, 3)
        )
        changed['class_offsets'] = np.arange(n + 1)
        changed['class_label'] = np.ones(n, np.uint8)
        changed['class_probability'] = np.ones(n, np.float32)
        changed['footprint_offsets'] = np.zeros(n + 1, np.int64)
        return dataclasses.replace(arrays, **changed)

    sent = stream(recording_of(1.0))
    lidar = [i for i, m in enumerate(sent) if m[1] == 'lidar']
    one = with_bodies([sent[lidar[4]]], flood)[0]
    sent[lidar[4]] = one
    releases = run(sent)
    assert_sound(releases)
    assert max(len(r.prediction.agents) for r in releases) <= Config().cycle.max_agents


def test_too_many_agents_are_shed_and_counted(run: Run, stream: Stream, recording_of: Any) -> None:
    config = dataclasses.replace(Config(), cycle=dataclasses.replace(Config().cycle, max_agents=3))
    releases = run(stream(recording_of(2.0)), Pipeline(config, None))
    assert_sound(releases)
    last = releases[-1]
    assert len(last.prediction.agents) == 3
    assert last.shed == len(last.agents) - 3
    assert last.shed >= 3


def test_an_engine_that_fails_is_replaced_in_the_same_cycle(run: Run, drive: list[Message]) -> None:
    class Failing:
        name = 'failing'

        def predict(self, scene: Any) -> Any:
            raise RuntimeError('no device')

    releases = run(drive[: len(drive) // 2], Pipeline(Config(), None, Failing()))
    last = releases[-1]
    assert last.prediction.engine == 'kinematic'
    assert any('failing: RuntimeError: no device' in reason for reason in last.reasons)
    assert len(last.prediction.agents) >= 5


def test_when_the_fallback_fails_too_everybody_keeps_the_velocity(
    run: Run, drive: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prediction_node.inference.kinematic.engine import KinematicEngine

    def fail(_engine: Any, _scene: Any) -> Any:
        raise RuntimeError('no road')

    monkeypatch.setattr(KinematicEngine, 'predict', fail)
    last = run(drive[: len(drive) // 2])[-1]
    assert last.prediction.engine == 'constant_velocity'
    assert any('onnx: RuntimeError: no road' in reason for reason in last.reasons)
    assert len(last.prediction.agents) >= 5


def test_with_a_map_and_all_sensors_it_is_nominal(run: Run, drive: list[Message]) -> None:
    from prediction_node.lanelet.load import load_map
    from prediction_node.resources import share_path

    lane_map = load_map(share_path('samples', 'lankershim', 'map.osm'))
    releases = run(drive, Pipeline(Config(), lane_map))
    assert_sound(releases)
    assert releases[-1].mode == NOMINAL


def test_whatever_is_published_names_the_fixed_frame_of_the_stack(
    baseline: list[Release],
) -> None:
    config = Config(observation=dataclasses.replace(Config().observation, map_frame='world'))
    pipeline = Pipeline(config, None)
    assert pipeline.release(100_000_000).frame_id == 'world'
    release = dataclasses.replace(baseline[-1], frame_id='world')
    assert cdr.read_predicted_objects(release.objects_cdr).frame_id == 'world'
    assert cdr.read_tracked_objects(release.tracks_cdr).frame_id == 'world'
    assert b'world\0' in release.markers_cdr
    assert b'map\0' not in release.markers_cdr
