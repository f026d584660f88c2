"""Off the road, and into each other: known answers and laws."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_node.domain.frames import rotation_2d
from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.evaluation.drivable import DrivableArea, off_road
from prediction_node.evaluation.overlap import overlaps
from prediction_node.metrics import HORIZONS_S

AFTER_S = 0.1 * np.arange(POSE_COUNT)


def straight(agents_of: Any, bodies: list[tuple[float, float, float, float]]) -> Prediction:
    """Cars at x, y that drive along their yaw at a speed; a second mode stands still."""
    n = len(bodies)
    x, y, yaw, speed = np.array(bodies, float).T
    heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    position = np.column_stack([x, y, np.zeros(n)])
    agents = agents_of(n, position_m=position, yaw_rad=yaw, velocity_mps=speed[:, None] * heading)
    pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
    pose[..., :2] = position[:, None, None, :2]
    pose[:, 0, :, :2] += (speed[:, None] * AFTER_S)[..., None] * heading[:, None]
    pose[..., 2] = yaw[:, None, None]
    probability = np.zeros((n, MODE_COUNT))
    probability[:, :2] = 0.7, 0.3
    return Prediction(agents, pose, np.ones_like(pose), probability, 'made')


def test_a_lane_is_drivable_and_what_lies_beside_it_is_not(street: LaneMap) -> None:
    area = DrivableArea.of(street)
    x, y = np.meshgrid(np.linspace(1.0, 99.0, 197), np.linspace(-1.9, 1.9, 39))
    assert area.contains(np.stack([x, y], axis=-1)).all()
    # A cell of margin, and half a cell more for where cells begin.
    for point in ([50.0, 2.8], [50.0, -2.8], [-0.8, 0.0], [100.8, 0.0], [1e6, -1e6]):
        assert not area.contains(np.array(point))
    assert not DrivableArea(np.zeros(2), 0.5, np.zeros((1, 1), bool)).contains(np.zeros(2))


def test_leaving_the_road_counts_from_the_horizon_on(street: LaneMap, agents_of: Any) -> None:
    # Ahead on the lane; off it sideways after 2 s; from beyond it; a walker, who may leave.
    made = straight(
        agents_of, [(5, 0, 0, 8), (5, 0, np.pi / 2, 1.3), (5, 9, 0, 8), (5, 0, np.pi / 2, 1.3)]
    )
    made.agents.class_probabilities[3] = np.eye(CLASS_COUNT)[ObjectClass.PEDESTRIAN]
    truth = np.tile([20.0, 0.0], (4, POSE_COUNT - 1, 1))
    valid = np.ones((4, POSE_COUNT - 1), bool)
    found = off_road(DrivableArea.of(street), made, np.arange(4), truth, valid, HORIZONS_S)
    np.testing.assert_array_equal(found[0], [0, 0, 0, 0])
    np.testing.assert_array_equal(found[1], [0, 1, 1, 1])
    assert np.isnan(found[2:]).all()


def test_where_the_truth_leaves_the_map_nobody_is_blamed(street: LaneMap, agents_of: Any) -> None:
    made = straight(agents_of, [(5, 0, np.pi / 2, 1.3)] * 2)
    truth = np.tile([20.0, 0.0], (2, POSE_COUNT - 1, 1))
    truth[0, 20:] = [20.0, 9.0]
    valid = np.ones((2, POSE_COUNT - 1), bool)
    valid[1, 45:] = False
    found = off_road(DrivableArea.of(street), made, np.arange(2), truth, valid, HORIZONS_S)
    np.testing.assert_array_equal(np.isnan(found), [[0, 1, 1, 1], [0, 0, 1, 1]])


CRASH = [(0.0, 0.0, 0.0, 5.0), (24.0, 0.0, np.pi, 5.0), (0.0, 3.5, 0.0, 5.0), (0.0, 40.0, 0.0, 5.0)]


def test_two_that_meet_overlap_and_those_who_pass_do_not(agents_of: Any) -> None:
    # Head on, 24 m apart: the boxes (4.05 m) touch when 10 m/s have closed 19.95 m.
    found = overlaps(straight(agents_of, CRASH), HORIZONS_S)
    np.testing.assert_array_equal(found[:2], [[False, True, True, True]] * 2)
    assert not found[2:].any()


def test_a_trailer_on_its_hitch_is_no_accident(agents_of: Any) -> None:
    assert not overlaps(straight(agents_of, [(0, 0, 0, 5), (-3, 0, 0, 5)]), HORIZONS_S).any()


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # a builder, it keeps nothing
)
@given(turn=st.floats(-3.1, 3.1), shift=st.floats(-1e5, 1e5), seed=st.integers(0, 99))
def test_overlaps_know_no_north_and_no_order(
    agents_of: Any, turn: float, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    bodies = np.column_stack(
        [rng.uniform(-25, 25, (12, 2)), rng.uniform(-3, 3, 12), rng.uniform(0, 9, 12)]
    )
    moved = bodies.copy()
    moved[:, :2] = bodies[:, :2] @ rotation_2d(turn).T + shift
    moved[:, 2] += turn
    order = rng.permutation(12)
    plain = overlaps(straight(agents_of, bodies.tolist()), HORIZONS_S)
    other = overlaps(straight(agents_of, moved[order].tolist()), HORIZONS_S)
    np.testing.assert_array_equal(other, plain[order])


def test_nobody_overlaps_nobody(agents_of: Any) -> None:
    assert overlaps(straight(agents_of, CRASH[:1]), HORIZONS_S).tolist() == [[False] * 4]
