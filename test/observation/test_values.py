"""Row 'values' of the reliability matrix: a bad value costs its object, never the message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import Transform
from prediction_node.domain.observations import ROW_FIELDS
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.to_map import to_map
from prediction_node.observation.translate import translate
from prediction_node.observation.viewpoint import Seen, Viewpoint

PARAMETERS = ObservationParameters()
N = 7
NOT_FINITE = (np.nan, np.inf, -np.inf)
HUGE = 1e308

# type, field, index within the object, bad values, reason
CASES = [
    ('tracked', 'position', (0,), (*NOT_FINITE, HUGE, -1e9), Reason.POSITION),
    ('tracked', 'position', (2,), NOT_FINITE, Reason.POSITION),
    ('tracked', 'orientation', (3,), (*NOT_FINITE, HUGE, 0.0, 1e-310), Reason.ORIENTATION),
    ('tracked', 'pose_covariance', (0, 0), (*NOT_FINITE, HUGE, -1.0), Reason.POSITION_COVARIANCE),
    ('tracked', 'pose_covariance', (0, 1), (np.nan, 5.0, HUGE), Reason.POSITION_COVARIANCE),
    ('tracked', 'pose_covariance', (5, 5), (*NOT_FINITE, -0.1), Reason.ORIENTATION_COVARIANCE),
    ('tracked', 'twist_linear', (0,), (*NOT_FINITE, HUGE, 200.0, -200.0), Reason.VELOCITY),
    ('tracked', 'twist_covariance', (1, 1), (*NOT_FINITE, -1.0), Reason.VELOCITY_COVARIANCE),
    ('tracked', 'twist_angular', (2,), (*NOT_FINITE, HUGE, 50.0), Reason.YAW_RATE),
    ('tracked', 'dimensions', (0,), (*NOT_FINITE, HUGE, -4.5, 1000.0), Reason.SIZE),
    ('tracked', 'existence_probability', (), (*NOT_FINITE, -0.1, 1.1, 3e38), Reason.EXISTENCE),
    ('tracked', 'class_probability', (), (*NOT_FINITE, -0.1, 1.1), Reason.CLASS),
    ('detections', 'position', (1,), (*NOT_FINITE, HUGE), Reason.POSITION),
    ('detections', 'orientation', (3,), (*NOT_FINITE, HUGE, 0.0), Reason.ORIENTATION),
    ('detections', 'size', (1,), (*NOT_FINITE, -1.0, HUGE), Reason.SIZE),
    ('detections', 'hypothesis_score', (), (*NOT_FINITE, -0.1, 1.1, HUGE), Reason.CLASS),
    (
        'detections',
        'hypothesis_covariance',
        (0, 0),
        (*NOT_FINITE, -1.0, HUGE),
        Reason.POSITION_COVARIANCE,
    ),
    ('radar', 'position', (0,), (*NOT_FINITE, HUGE), Reason.POSITION),
    ('radar', 'velocity', (1,), (*NOT_FINITE, HUGE, 200.0), Reason.VELOCITY),
    ('radar', 'position_covariance', (0,), (*NOT_FINITE, -1.0), Reason.POSITION_COVARIANCE),
    ('radar', 'position_covariance', (1,), (np.nan, 10.0), Reason.POSITION_COVARIANCE),
    ('radar', 'velocity_covariance', (3,), (*NOT_FINITE, -1.0), Reason.VELOCITY_COVARIANCE),
    ('radar', 'size', (2,), (*NOT_FINITE, -1.0), Reason.SIZE),
]
SOURCES = {'tracked': 'lidar', 'detections': 'camera', 'radar': 'radar'}


def source_of(build: Any, kind: str) -> Any:
    return build.source(SOURCES[kind])


def spoiled(arrays: Any, field: str, at: tuple[int, ...], value: float, row: int) -> Any:
    values = np.array(getattr(arrays, field))
    with np.errstate(over='ignore'):
        values[(row, *at)] = value
        if len(at) == 2:  # keep covariances symmetric
            values[(row, *at[::-1])] = value
    return replace(arrays, **{field: values})


def assert_finite(tracks: Any) -> None:
    for name in ROW_FIELDS:
        assert np.all(np.isfinite(np.asarray(getattr(tracks, name), dtype=np.float64))), name


def in_map(tracks: Any, source: Any) -> Any:
    pose = Transform.from_xyz_yaw(np.array([100.0, -50.0, 2.0]), 0.7)
    view = Viewpoint(pose, pose.translation_m, None, through_ego=False)
    (out,) = to_map([Seen(tracks, source, view)], PARAMETERS)
    return out


@pytest.mark.parametrize(
    ('kind', 'field', 'at', 'value', 'reason'),
    [(k, f, at, value, reason) for k, f, at, values, reason in CASES for value in values],
)
def test_one_bad_value_refuses_one_object(
    build: Any, kind: str, field: str, at: tuple[int, ...], value: float, reason: Reason
) -> None:
    source = source_of(build, kind)
    clean = getattr(build, kind)(N)
    row = 3
    out = translate(spoiled(clean, field, at, value, row), source, PARAMETERS)
    assert out.refused == {reason: 1}
    assert out.received == N
    rest = translate(clean, source, PARAMETERS).tracks.select(np.arange(N) != row)
    spoiled_in_map, refused = in_map(out.tracks, source)
    rest_in_map, _ = in_map(rest, source)
    assert not refused
    assert_finite(spoiled_in_map)
    for name in ROW_FIELDS:
        np.testing.assert_array_equal(getattr(spoiled_in_map, name), getattr(rest_in_map, name))


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(['tracked', 'detections', 'radar']),
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.integers(0, N - 1),
            st.integers(0, 35),
            st.sampled_from(
                [np.nan, np.inf, -np.inf, HUGE, -HUGE, 5e-324, -1e-310, 0.0, -1.0, 200.0, 1e20]
            ),
        ),
        max_size=12,
    ),
)
def test_whatever_is_in_the_floats_the_output_is_finite_and_sane(
    build: Any, kind: str, spoilings: list[tuple[int, int, int, float]]
) -> None:
    arrays = getattr(build, kind)(N)
    names = [
        name
        for name in arrays.__dataclass_fields__
        if isinstance(getattr(arrays, name), np.ndarray)
        and getattr(arrays, name).dtype.kind == 'f'
        and len(getattr(arrays, name)) == N
    ]
    touched = set()
    for field, row, component, value in spoilings:
        name = names[field % len(names)]
        values = np.array(getattr(arrays, name))
        flat = values.reshape(N, -1)
        with np.errstate(over='ignore'):
            flat[row, component % flat.shape[1]] = value
        arrays = replace(arrays, **{name: values})
        touched.add(row)
    source = source_of(build, kind)
    out = translate(arrays, source, PARAMETERS)
    tracks, refused = in_map(out.tracks, source)
    assert_finite(tracks)
    assert len(tracks) + sum(refused.values()) + sum(out.refused.values()) == N
    assert len(tracks) >= N - len(touched)
    np.testing.assert_allclose(tracks.class_probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert np.all(np.linalg.eigvalsh(tracks.position_covariance) > 0.0)
    assert np.all(np.linalg.eigvalsh(tracks.velocity_covariance) > 0.0)
    assert np.all(tracks.yaw_variance > 0.0)
    assert np.all((tracks.existence >= 0.0) & (tracks.existence <= 1.0))
    assert np.all(tracks.size_m >= 0.0)
    assert np.all(np.hypot(*tracks.velocity_mps[tracks.has_velocity].T) <= 100.0 + 1e-9)


@pytest.mark.parametrize('kind', ['tracked', 'radar'])
def test_position_variance_of_zero_in_one_direction_is_refused(build: Any, kind: str) -> None:
    """All zeros are 'not given'; zero across a given one would be certainty."""
    source = source_of(build, kind)
    clean = getattr(build, kind)(N)
    field, at = ('pose_covariance', (1, 1)) if kind == 'tracked' else ('position_covariance', (3,))
    out = translate(spoiled(clean, field, at, 0.0, 2), source, PARAMETERS)
    tracks, refused = in_map(out.tracks, source)
    assert refused == {Reason.POSITION_COVARIANCE: 1}
    assert len(tracks) == N - 1


def test_a_huge_velocity_covariance_that_rounding_has_spoiled_is_refused(build: Any) -> None:
    covariance = np.tile(np.diag([0.04, 0.09, 0.0, 0, 0, 0.0]), (N, 1, 1))
    covariance[2, :2, :2] = 1e6 * np.array([[1.0, 1.0 + 4e-6], [1.0 + 4e-6, 1.0]])
    covariance[3, :2, :2] = np.diag([0.04, 0.0])  # a speed known along the heading only
    source = build.source('lidar')
    out = translate(build.tracked(N, twist_covariance=covariance), source, PARAMETERS)
    tracks, refused = in_map(out.tracks, source)
    assert refused == {Reason.VELOCITY_COVARIANCE: 1}
    assert len(tracks) == N - 1
    assert np.all(np.linalg.eigvalsh(tracks.velocity_covariance) > 0.0)


def test_covariances_of_zero_are_the_noise_of_the_source_along_the_line_of_sight(
    build: Any,
) -> None:
    source = build.source('camera')
    arrays = build.detections(
        1, covariance=np.zeros((6, 6)), position=np.array([[100.0, 0.0, 0.0]])
    )
    tracks, _ = in_map(translate(arrays, source, PARAMETERS).tracks, source)
    values, vectors = np.linalg.eigh(tracks.position_covariance[0])
    along = np.sqrt(0.2**2 + 3.0**2 + 0.01**2)
    across = np.sqrt(0.1**2 + 0.52**2 + 0.01**2)
    np.testing.assert_allclose(np.sqrt(values), [across, along], rtol=1e-9)
    np.testing.assert_allclose(np.abs(vectors[:, 1]), [np.cos(0.7), np.sin(0.7)], atol=1e-9)


def test_denormal_covariances_count_as_not_given(build: Any) -> None:
    source = build.source('lidar')
    arrays = build.tracked(2, pose_covariance=np.full((2, 6, 6), 1e-310))
    out = translate(arrays, source, PARAMETERS)
    assert not out.tracks.has_position_covariance.any()
    tracks, _ = in_map(out.tracks, source)
    assert np.all(np.linalg.eigvalsh(tracks.position_covariance) > 0.009)


def test_quaternions_of_any_length_give_the_same_yaw(build: Any) -> None:
    source = build.source('lidar')
    unit = build.tracked(3, yaw=[0.3, -2.0, 3.0])
    scale = np.array([0.5, 1.01, 7.0])[:, None]
    scaled = replace(unit, orientation=unit.orientation * scale)
    for name in ('vectors', 'covariances'):
        np.testing.assert_allclose(
            getattr(translate(scaled, source, PARAMETERS).tracks, name),
            getattr(translate(unit, source, PARAMETERS).tracks, name),
            atol=1e-12,
        )


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        ({'position': np.array([np.nan, 0, 0])}, Reason.POSITION),
        ({'position': np.array([1e308, 0, 0])}, Reason.POSITION),
        ({'orientation': np.zeros(4)}, Reason.ORIENTATION),
        ({'orientation': np.array([0, 0, np.inf, 1])}, Reason.ORIENTATION),
        ({'twist_linear': np.array([200.0, 0, 0])}, Reason.VELOCITY),
        ({'twist_linear': np.array([1e308, 0, 0])}, Reason.VELOCITY),
        ({'twist_angular': np.array([0, 0, np.nan])}, Reason.YAW_RATE),
        ({'pose_covariance': np.diag([-1.0, 1, 1, 1, 1, 1])}, Reason.POSITION_COVARIANCE),
        ({'pose_covariance': np.full((6, 6), np.nan)}, Reason.POSITION_COVARIANCE),
        ({'twist_covariance': np.diag([1.0, -1, 1, 1, 1, 1])}, Reason.VELOCITY_COVARIANCE),
    ],
)
def test_bad_odometry_is_refused_and_the_next_is_fine(
    drive: Any, build: Any, fields: dict[str, Any], reason: Reason
) -> None:
    drive.cycle(5)
    stamp_ns = drive.true_ns + drive.stamp_offset_ns + 1_000_000
    drive.observer.on_odometry(build.odometry(stamp_ns, **fields), drive.now_ns + 2_000_000)
    observed = drive.cycle()
    assert drive.error_m(observed) < 0.05
    health = drive.observer.health(drive.now_ns).odometry
    assert health.refused == {reason: 1}
    assert 'odometry' in health.detail
