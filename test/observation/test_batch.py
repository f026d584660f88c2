"""Messages go to the map together; each gets what it would get alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import Transform
from prediction_node.domain.observations import ROW_FIELDS
from prediction_node.observation.ego_motion import EgoMotion
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.to_map import to_map
from prediction_node.observation.translate import translate
from prediction_node.observation.viewpoint import Seen, Viewpoint

PARAMETERS = ObservationParameters()
KINDS = ('tracked', 'detections', 'radar')
SOURCES = {'tracked': 'lidar', 'detections': 'camera', 'radar': 'radar'}


def message(build: Any, kind: str, count: int, seed: int) -> Seen:
    """`count` objects seen from somewhere; some without covariances, some relative to the ego."""
    generator = np.random.default_rng(seed)
    reference = ('over_ground', 'relative_to_sensor')[seed % 2]
    source = build.source(SOURCES[kind], velocity_reference=reference)
    fields: dict[str, Any] = {'position': generator.normal(0, 40, (count, 3))}
    if kind == 'tracked' and seed % 3 == 0:
        fields['pose_covariance'] = np.zeros((count, 6, 6))
    if kind == 'radar':
        fields['velocity'] = generator.normal(0, 5, (count, 3))
    tracks = translate(getattr(build, kind)(count, **fields), source, PARAMETERS).tracks
    quaternion = np.array([*generator.normal(0, 0.1, 2), *generator.normal(0, 1, 2)])
    pose = Transform.from_quaternion(generator.normal(0, 500, 3), quaternion)
    ego = EgoMotion(
        stamp_ns=tracks.stamp_ns,
        map_from_base=pose,
        velocity_mps=generator.normal(0, 5, 3),
        turn_rate_radps=generator.normal(0, 0.3, 3),
        pose_covariance=None if seed % 5 == 0 else np.diag([0.04, 0.09, 1e-4]),
        velocity_covariance=None if seed % 5 == 1 else np.diag([0.01, 0.02]),
    )
    map_from_sensor = pose @ Transform.from_xyz_yaw(np.array([2.0, 0.3, 1.5]), 0.4)
    view = Viewpoint(map_from_sensor, map_from_sensor.translation_m, ego, through_ego=True)
    return Seen(tracks, source, view)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 2**20)),
        min_size=1,
        max_size=6,
    )
)
def test_together_is_like_alone(build: Any, described: list[tuple[str, int, int]]) -> None:
    messages = [message(build, *one) for one in described]
    together = to_map(messages, PARAMETERS)
    assert len(together) == len(messages)
    for one, (tracks, refused) in zip(messages, together, strict=True):
        ((alone, refused_alone),) = to_map([one], PARAMETERS)
        assert (tracks.source, tracks.stamp_ns) == (one.source.name, one.tracks.stamp_ns)
        assert refused == refused_alone
        for name in ROW_FIELDS:
            np.testing.assert_allclose(
                getattr(tracks, name), getattr(alone, name), rtol=1e-12, atol=1e-12, err_msg=name
            )


def test_one_message_cannot_spoil_another(build: Any) -> None:
    """What is refused is counted for the message it came in."""
    good, fast = message(build, 'tracked', 3, 1), message(build, 'radar', 4, 3)
    fast.tracks.velocity_mps[1] = 190.0
    (first, nothing), (second, refused), (third, nothing_again) = to_map(
        [good, fast, good], PARAMETERS
    )
    assert not nothing
    assert not nothing_again
    assert refused == {Reason.VELOCITY: 1}
    assert (len(first), len(second), len(third)) == (3, 3, 3)


def test_nothing_seen_is_nothing_observed(build: Any) -> None:
    assert to_map([], PARAMETERS) == []
    ((empty, refused),) = to_map([message(build, 'detections', 0, 2)], PARAMETERS)
    assert len(empty) == 0
    assert not refused
