"""Histories: a uniform grid, nothing from the future, gaps masked, memory bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform, wrap_angle
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import Scene
from prediction_node.scene import SceneBuilder, SceneParameters, pasts

STEP_NS = 100_000_000
START_NS = 1_700_000_000_123_456_789


def steady(agents_of: Any, stamp_ns: int, names: list[int]) -> Agents:
    """Agents number k that drive along y = k at k + 1 m/s and turn at 0.5 rad/s since START_NS."""
    k = np.array(names, float)
    t = (stamp_ns - START_NS) * 1e-9
    n = len(names)
    uuid = np.zeros((n, 16), np.uint8)
    uuid[:, 0] = names
    uuid[:, 1] = np.array(names, int) // 256
    return agents_of(
        n,
        stamp_ns=stamp_ns,
        uuid=uuid,
        position_m=np.stack([(k + 1.0) * t, k, np.zeros(n)], axis=-1),
        yaw_rad=wrap_angle(3.0 + 0.5 * t + np.zeros(n)),
        velocity_mps=np.stack([k + 1.0, np.zeros(n)], axis=-1),
    )


def build(builder: SceneBuilder, agents: Agents) -> Scene:
    ego = Ego(agents.stamp_ns, Transform.identity(), np.zeros(2), 0.0, np.ones(3))
    return builder.build(agents, ego, None, LightStates.none(), agents.stamp_ns)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(gaps_ms=st.lists(st.integers(1, 249), min_size=1, max_size=40))
def test_steady_motion_is_seen_on_the_grid_whatever_the_stamps(
    agents_of: Any, gaps_ms: list[int]
) -> None:
    builder = SceneBuilder(SceneParameters(history_s=1.0, max_gap_s=0.25))
    stamps = START_NS + 1_000_000 * np.cumsum([0, *gaps_ms])
    for stamp in stamps.tolist():
        scene = build(builder, steady(agents_of, stamp, [2, 0]))
    history = scene.history
    grid = scene.stamp_ns - STEP_NS * np.arange(10, -1, -1)
    assert history.position_m.shape == (2, 11, 2)
    np.testing.assert_array_equal(history.valid, np.tile(grid >= START_NS, (2, 1)))
    seen = history.valid[0]
    t = (grid[seen] - START_NS) * 1e-9
    np.testing.assert_allclose(history.position_m[0, seen, 0], 3.0 * t, atol=1e-6)
    np.testing.assert_allclose(history.position_m[1, seen, 0], t, atol=1e-6)
    turned = wrap_angle(history.yaw_rad[0, seen] - 3.0 - 0.5 * t)
    np.testing.assert_allclose(turned, 0.0, atol=1e-6)


def test_longer_gaps_are_masked_not_bridged(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=1.0, max_gap_s=0.25))
    for tenth in (0, 1, 2, 6, 7):
        scene = build(builder, steady(agents_of, START_NS + tenth * STEP_NS, [0]))
    expected = [t in (0, 1, 2, 6, 7) for t in range(-3, 8)]
    assert scene.history.valid[0].tolist() == expected


def test_an_agent_lost_for_a_while_has_a_gap_of_its_own(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=1.0))
    for tenth in range(11):
        names = [0, 1] if tenth not in (4, 5, 6) else [0]
        scene = build(builder, steady(agents_of, START_NS + tenth * STEP_NS, names))
    assert scene.history.valid[0].all()
    assert np.flatnonzero(~scene.history.valid[1]).tolist() == [4, 5, 6]


def test_rows_follow_the_agents_not_their_order(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=0.5))
    for tenth in range(6):
        names = [0, 1, 2] if tenth % 2 else [2, 0, 1]
        scene = build(builder, steady(agents_of, START_NS + tenth * STEP_NS, names))
    np.testing.assert_allclose(scene.history.position_m[:, :, 1], [[0] * 6, [1] * 6, [2] * 6])


def test_a_clock_that_jumps_back_forgets_what_is_now_the_future(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=1.0))
    for tenth in range(11):
        build(builder, steady(agents_of, START_NS + tenth * STEP_NS, [0]))
    scene = build(builder, steady(agents_of, START_NS + 5 * STEP_NS, [0]))
    assert scene.history.valid[0].tolist() == [False] * 10 + [True]


def test_the_same_stamp_again_replaces_the_observation(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=0.2))
    build(builder, steady(agents_of, START_NS, [0]))
    build(builder, steady(agents_of, START_NS + STEP_NS, [0]))
    again = build(builder, steady(agents_of, START_NS + STEP_NS, [0]))
    assert again.history.valid[0].tolist() == [False, True, True]


def test_reset_forgets_everything(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=0.3))
    build(builder, steady(agents_of, START_NS, [0]))
    builder.reset()
    scene = build(builder, steady(agents_of, START_NS + STEP_NS, [0]))
    assert scene.history.valid[0].tolist() == [False, False, False, True]


def test_memory_is_bounded_and_keeps_who_is_there(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=0.5, max_tracks=8))
    for tenth in range(40):
        # Two stay, four new ones appear each time.
        names = [0, 1, *range(10 + 4 * tenth, 14 + 4 * tenth)]
        scene = build(builder, steady(agents_of, START_NS + tenth * STEP_NS, names))
        histories = builder._histories
        assert len(histories._slot_of) <= 8
        assert histories._value.shape[0] <= 8
    assert scene.history.valid[:2].all()
    assert scene.history.valid[2:].sum(axis=1).tolist() == [1, 1, 1, 1]


def test_more_agents_than_memory_have_at_least_a_present(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=0.5, max_tracks=4))
    build(builder, steady(agents_of, START_NS, list(range(9))))
    scene = build(builder, steady(agents_of, START_NS + STEP_NS, list(range(9))))
    assert scene.history.valid[:, -1].all()
    assert scene.history.valid[:, -2].sum() == 4


def test_no_agents(agents_of: Any) -> None:
    scene = build(SceneBuilder(SceneParameters()), steady(agents_of, START_NS, []))
    assert scene.history.position_m.shape == (0, 31, 2)


def test_agents_of_another_instant_are_refused(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters())
    agents = steady(agents_of, START_NS, [0])
    ego = Ego(START_NS, Transform.identity(), np.zeros(2), 0.0, np.ones(3))
    with pytest.raises(ValueError, match='agents are of'):
        builder.build(agents, ego, None, LightStates.none(), START_NS + 1)


def test_pasts_between_observations_are_drawn_straight_and_yaw_the_short_way_round() -> None:
    value = np.zeros((2, 3, 5))
    value[1, 0] = [0.0, 10.0, 3.0, 1.0, 2.0]
    value[1, 1] = [4.0, 20.0, -3.0, 3.0, -2.0]
    valid = np.zeros((2, 3), bool)
    valid[1, :2] = True
    place, yaw = np.full((1, 3, 2), np.nan), np.full((1, 3), np.nan)
    velocity, known = np.full((1, 3, 2), np.nan), np.zeros((1, 3), bool)
    pasts.read_pasts(
        slot=np.array([1]),
        before=np.array([0, 0, 1]),
        after=np.array([1, 1, 1]),
        share=np.array([0.25, 0.5, 0.0]),
        bridged=np.array([True, False, True]),
        position_m=np.array([[7.0, 8.0, 9.0]]),
        yaw_rad=np.array([1.5]),
        velocity_mps=np.array([[5.0, 6.0]]),
        value=value,
        valid=valid,
        past_position_m=place,
        past_yaw_rad=yaw,
        past_velocity_mps=velocity,
        past_valid=known,
    )
    assert known.tolist() == [[True, False, True]]
    np.testing.assert_allclose(place[0], [[1.0, 12.5], [0.0, 0.0], [7.0, 8.0]])
    np.testing.assert_allclose(velocity[0], [[1.5, 1.0], [0.0, 0.0], [5.0, 6.0]])
    # From 3 to -3 rad it is 0.283 rad further, not 6 rad back.
    np.testing.assert_allclose(yaw[0], [3.0 + 0.25 * (2.0 * np.pi - 6.0), 0.0, 1.5])


def drive(builder: SceneBuilder, agents: Agents, step: int, *, present: bool = True) -> Scene:
    """The robotaxi at 5 m/s to the left of the map's x axis, its box centre 1.5 m ahead."""
    base = Transform.from_xyz_yaw(np.array([100.0, 0.5 * step, 0.0]), np.pi / 2)
    stamp = START_NS + step * STEP_NS
    ego = Ego(stamp, base, np.array([5.0, 0.0]), 0.0, np.array([4.9, 1.9, 1.7]), 1.5, present)
    return builder.build(agents, ego, None, LightStates.none(), stamp)


def test_the_robotaxi_has_a_past_too(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=1.0))
    for step in range(5):
        scene = drive(builder, steady(agents_of, START_NS + step * STEP_NS, [1]), step)
    past = scene.ego_history
    assert past is not None
    np.testing.assert_array_equal(past.valid, [[False] * 6 + [True] * 5])
    np.testing.assert_allclose(past.position_m[0, 6:, 0], 100.0, atol=1e-9)
    np.testing.assert_allclose(past.position_m[0, 6:, 1], 1.5 + 0.5 * np.arange(5), atol=1e-9)
    np.testing.assert_allclose(past.velocity_mps[0, 6:], [[0.0, 5.0]] * 5, atol=1e-9)
    np.testing.assert_allclose(past.yaw_rad[0, 6:], np.pi / 2, atol=1e-9)


def test_nobody_has_no_past_and_a_reset_forgets_it(agents_of: Any) -> None:
    builder = SceneBuilder(SceneParameters(history_s=1.0))
    first = steady(agents_of, START_NS, [1])
    assert drive(builder, first, 0, present=False).ego_history is None
    drive(builder, first, 0)
    builder.reset()
    again = drive(builder, steady(agents_of, START_NS + STEP_NS, [1]), 1).ego_history
    assert again is not None
    assert again.valid.sum() == 1
