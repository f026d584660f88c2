"""What the kinematic engine expects of road users in situations with a known answer."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.agents import Ego
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.lane_map import LaneKind
from prediction_node.domain.lights import LightColour, LightShape
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.inference.constant_velocity import ConstantVelocityEngine
from prediction_node.inference.kinematic import KinematicEngine, KinematicParameters


def predict(scene: Scene, **changes: Any) -> Prediction:
    return KinematicEngine(KinematicParameters(**changes)).predict(scene)


def likeliest(prediction: Prediction, row: int = 0) -> np.ndarray:
    """(POSE_COUNT, 3) the most probable path of one agent."""
    return np.asarray(prediction.pose[row, prediction.probability[row].argmax()])


def weight_where(prediction: Prediction, condition: np.ndarray, row: int = 0) -> float:
    """Probability of the modes that end where `condition` (MODE_COUNT,) says."""
    return float(prediction.probability[row][condition].sum())


def test_a_lane_is_followed_around_its_curve(build: Any) -> None:
    angle = np.linspace(0.0, np.pi, 40)
    bend = 50.0 * np.stack([np.sin(angle), -np.cos(angle)], axis=-1)
    scene = build.scene(build.agents([(0.0, -50.4, 0.0, 8.0)]), build.lane_map([bend]))
    path = likeliest(predict(scene))
    radius = np.hypot(path[:, 0], path[:, 1])
    assert np.abs(radius - 50.0).max() < 0.8
    assert path[50, 1] > -40.0  # constant velocity stays at -50.4


def test_a_free_car_takes_up_the_speed_limit_and_no_more(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [400.0, 0.0]])], limit_mps=10.0)
    path = likeliest(predict(build.scene(build.agents([(20.0, 0.0, 0.0, 5.0)]), lane_map)))
    speed = np.diff(path[:, 0]) / 0.1
    assert (np.diff(speed) > -1e-6).all()
    assert 6.0 < speed[-1] <= 10.0


def test_nobody_drives_into_the_car_ahead(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [400.0, 0.0]])])
    agents = build.agents([(10.0, 0.0, 0.0, 12.0), (60.0, 0.0, 0.0, 0.0)])
    prediction = predict(build.scene(agents, lane_map))
    assert likeliest(prediction)[:, 0].max() < 60.0 - 4.6
    np.testing.assert_allclose(likeliest(prediction, 1)[:, 0], 60.0, atol=0.1)


def driven_by_robotaxi(scene: Scene, x_m: float, y_m: float, mps: float) -> Scene:
    base = Transform.from_xyz_yaw(np.array([x_m, y_m, 0.0]), 0.0)
    ego = Ego(scene.stamp_ns, base, np.array([mps, 0.0]), 0.0, np.array([4.9, 1.9, 1.7]))
    return dataclasses.replace(scene, ego=ego)


def test_nobody_drives_into_the_robotaxi(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [400.0, 0.0]])])
    scene = build.scene(build.agents([(10.0, 0.0, 0.0, 12.0)]), lane_map)
    waiting = driven_by_robotaxi(scene, 60.0, 0.0, 0.0)
    prediction = predict(waiting)
    assert len(prediction.pose) == 1
    assert likeliest(prediction)[:, 0].max() < 60.0 - 4.7
    for other in (
        driven_by_robotaxi(scene, 60.0, 8.0, 0.0),
        dataclasses.replace(waiting, ego=dataclasses.replace(waiting.ego, present=False)),
    ):
        assert likeliest(predict(other))[-1, 0] > 90.0


def test_the_robotaxi_is_followed_as_any_other_car(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [400.0, 0.0]])])
    both = build.scene(build.agents([(10.0, 0.0, 0.0, 12.0), (40.0, 0.0, 0.0, 7.0)]), lane_map)
    alone = build.scene(build.agents([(10.0, 0.0, 0.0, 12.0)]), lane_map)
    followed = predict(driven_by_robotaxi(alone, 40.0, 0.0, 7.0))
    np.testing.assert_allclose(likeliest(followed), likeliest(predict(both)), atol=0.3)


def test_a_car_beside_the_way_is_no_leader(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [400.0, 0.0]])])
    agents = build.agents([(10.0, 0.0, 0.0, 12.0), (50.0, 2.6, 0.0, 0.0)])
    assert likeliest(predict(build.scene(agents, lane_map)))[80, 0] > 90.0


def test_a_queue_starts_when_its_head_does(build: Any) -> None:
    lane_map = build.lane_map([np.array([[0.0, 0.0], [400.0, 0.0]])])
    moving_head = build.agents([(10.0, 0.0, 0.0, 0.0), (18.0, 0.0, 0.0, 4.0)])
    standing_head = build.agents([(10.0, 0.0, 0.0, 0.0), (18.0, 0.0, 0.0, 0.0)])
    assert likeliest(predict(build.scene(moving_head, lane_map)))[80, 0] > 15.0
    assert likeliest(predict(build.scene(standing_head, lane_map)))[80, 0] < 10.1


@pytest.mark.parametrize(
    ('colour', 'stops'),
    [
        (LightColour.RED, True),
        (LightColour.AMBER, True),
        (LightColour.GREEN, False),
        (LightColour.UNKNOWN, False),
    ],
)
def test_lights_are_obeyed(build: Any, colour: int, stops: bool) -> None:
    agents = build.agents([(40.0, 0.0, 0.0, 10.0)])
    lights = build.lights((7, colour, LightShape.CIRCLE))
    path = likeliest(predict(build.scene(agents, build.junction(), lights)))
    # The stop line is at x = 99; the front bumper reaches 2.3 m further than the centre.
    assert (path[:, 0].max() < 99.0 - 2.3) == stops


def test_who_cannot_stop_any_more_drives_through_amber(build: Any) -> None:
    agents = build.agents([(85.0, 0.0, 0.0, 14.0)])
    lights = build.lights((7, LightColour.AMBER, LightShape.CIRCLE))
    path = likeliest(predict(build.scene(agents, build.junction(), lights)))
    assert np.hypot(*(path[80, :2] - path[0, :2])) > 60.0


def test_an_old_red_light_says_nothing(build: Any) -> None:
    agents = build.agents([(40.0, 0.0, 0.0, 10.0)])
    lights = build.lights((7, LightColour.RED, LightShape.CIRCLE), age_s=30.0)
    assert likeliest(predict(build.scene(agents, build.junction(), lights)))[80, 0] > 105.0


def test_an_arrow_rules_its_own_turn(build: Any) -> None:
    agents = build.agents([(80.0, 0.0, 0.0, 8.0)], attributes=[{'turn_left': 0.95}])
    lights = build.lights(
        (7, LightColour.RED, LightShape.CIRCLE), (7, LightColour.GREEN, LightShape.LEFT_ARROW)
    )
    prediction = predict(build.scene(agents, build.junction(), lights))
    end = prediction.pose[0, :, 80]
    assert weight_where(prediction, end[:, 1] > 10.0) > 0.3


def test_an_ambulance_on_call_does_not_wait(build: Any) -> None:
    lights = build.lights((7, LightColour.RED, LightShape.CIRCLE))
    agents = build.agents([(60.0, 0.0, 0.0, 12.0)], attributes=[{'emergency_active': 1.0}])
    assert likeliest(predict(build.scene(agents, build.junction(), lights)))[80, 0] > 105.0


@pytest.mark.parametrize(('signal', 'side'), [('turn_left', 1.0), ('turn_right', -1.0)])
def test_turn_signals_make_their_turn_likelier(build: Any, signal: str, side: float) -> None:
    def weight(attributes: list[dict[str, float]]) -> float:
        agents = build.agents([(75.0, 0.0, 0.0, 7.0)], attributes=attributes)
        prediction = predict(build.scene(agents, build.junction()))
        return weight_where(prediction, side * prediction.pose[0, :, 80, 1] > 8.0)

    assert weight([{signal: 0.95}]) > 2.0 * weight([])


def test_too_fast_to_turn_is_no_turn(build: Any) -> None:
    def weight(speed: float) -> float:
        agents = build.agents([(90.0, 0.0, 0.0, speed)])
        prediction = predict(build.scene(agents, build.junction()))
        return weight_where(prediction, np.abs(prediction.pose[0, :, 60, 1]) > 8.0)

    assert weight(5.0) > 0.1
    assert weight(20.0) < 0.01


def test_drifting_towards_the_next_lane_announces_a_lane_change(build: Any) -> None:
    def weight(y: float, yaw: float) -> float:
        agents = build.agents([(-60.0, y, yaw, 14.0)])
        prediction = predict(build.scene(agents, build.junction()))
        return weight_where(prediction, prediction.pose[0, :, 50, 1] > 2.0)

    assert weight(1.2, 0.06) > 0.5
    assert weight(0.0, 0.0) < 0.2


def test_who_stands_stays_and_who_is_parked_surely(build: Any) -> None:
    agents = build.agents(
        [(40.0, 0.0, 0.0, 0.0), (0.0, 40.0, 1.0, 0.0)], attributes=[{}, {'parked': 1.0}]
    )
    prediction = predict(build.scene(agents, build.junction()))
    ends = np.hypot(*(prediction.pose[:, :, 80, :2] - agents.position_m[:, None, :2]).T).T
    assert weight_where(prediction, ends[0] < 1.0, 0) > 0.75
    assert weight_where(prediction, ends[1] < 1.0, 1) > 0.95


def test_brake_lights_make_slower_futures_likelier(build: Any) -> None:
    def expected_end(attributes: list[dict[str, float]]) -> float:
        agents = build.agents([(-80.0, 0.0, 0.0, 12.0)], attributes=attributes)
        prediction = predict(build.scene(agents, build.junction()))
        return float(prediction.probability[0] @ prediction.pose[0, :, 50, 0])

    assert expected_end([{'brake': 1.0}]) < expected_end([]) - 0.5


def test_without_a_map_the_turn_goes_on_for_a_while(build: Any) -> None:
    agents = build.agents([(0.0, 0.0, 0.0, 10.0)], yaw_rate_radps=0.3)
    path = likeliest(predict(build.scene(agents)))
    # The heading tends to yaw rate times decay time: 0.3 rad/s * 1.5 s.
    assert path[80, 2] == pytest.approx(0.45, abs=0.02)
    assert path[20, 1] > 3.0


def test_a_reversing_car_goes_backwards(build: Any) -> None:
    agents = build.agents([(0.0, 0.0, 0.0, -2.0)])
    prediction = predict(build.scene(agents, build.junction()))
    path = likeliest(prediction)
    assert path[40, 0] < -3.0
    np.testing.assert_allclose(path[:, 2], 0.0, atol=0.2)


def test_a_walker_may_take_the_crosswalk(build: Any) -> None:
    crosswalk = np.array([[100.0, -8.0], [100.0, 8.0]])
    lane_map = build.lane_map(
        [np.array([[0.0, 0.0], [200.0, 0.0]]), crosswalk],
        kind=[LaneKind.ROAD, LaneKind.CROSSWALK],
    )
    towards = build.agents([(97.0, -9.0, 0.5, 1.2)], label=ObjectClass.PEDESTRIAN)
    prediction = predict(build.scene(towards, lane_map))
    ends = prediction.pose[0, :, 80, :2]
    crosses = (np.abs(ends[:, 0] - 100.0) < 0.5) & (ends[:, 1] > -4.0)
    assert weight_where(prediction, crosses) > 0.1
    elsewhere = build.agents([(30.0, -9.0, 0.5, 1.2)], label=ObjectClass.PEDESTRIAN)
    ends = predict(build.scene(elsewhere, lane_map)).pose[0, :, 80, :2]
    assert (np.abs(ends[:, 0] - 100.0) > 20.0).all()


def test_a_walker_mostly_walks_on(build: Any) -> None:
    agents = build.agents([(0.0, 0.0, 0.7, 1.4)], label=ObjectClass.PEDESTRIAN)
    path = likeliest(predict(build.scene(agents)))
    np.testing.assert_allclose(path[50, :2], 7.0 * np.array([np.cos(0.7), np.sin(0.7)]), atol=1e-9)


def test_what_is_unknown_and_fast_follows_lanes(build: Any) -> None:
    angle = np.linspace(0.0, np.pi, 40)
    bend = 50.0 * np.stack([np.sin(angle), -np.cos(angle)], axis=-1)
    agents = build.agents([(0.0, -50.0, 0.0, 10.0)], label=ObjectClass.UNKNOWN)
    path = likeliest(predict(build.scene(agents, build.lane_map([bend]))))
    assert np.abs(np.hypot(path[:, 0], path[:, 1]) - 50.0).max() < 1.0


def test_spread_lies_along_the_way_more_than_across(build: Any) -> None:
    agents = build.agents([(0.0, 0.0, np.pi / 2, 10.0)])
    sigma = predict(build.scene(agents)).sigma[0, 0, 50]
    assert sigma[1] > 2.0 * sigma[0]


def test_another_map_replaces_the_first(build: Any) -> None:
    engine = KinematicEngine(KinematicParameters())
    agents = build.agents([(40.0, 0.0, 0.0, 10.0)])
    with_map = engine.predict(build.scene(agents, build.junction()))
    engine.predict(build.scene(agents))
    again = engine.predict(build.scene(agents, build.junction()))
    assert with_map.pose.tobytes() == again.pose.tobytes()


def test_behaviours_need_one_weight_each() -> None:
    with pytest.raises(ParameterError, match=r'kinematic\.behaviour_weight .* got 2 for 6'):
        KinematicParameters(behaviour_weight=(0.5, 0.5))
    with pytest.raises(ParameterError, match=r'kinematic\.time_gap_s must be >= 0\.1 s'):
        KinematicParameters(time_gap_s=0.0)


def test_constant_velocity_keeps_velocity(build: Any) -> None:
    agents = build.agents([(5.0, 6.0, 0.3, 10.0), (1.0, 1.0, 0.0, 0.0)])
    agents = dataclasses.replace(agents, velocity_mps=np.array([[3.0, -4.0], [0.0, 0.0]]))
    prediction = ConstantVelocityEngine().predict(build.scene(agents))
    np.testing.assert_allclose(prediction.pose[0, 0, 50], [20.0, -14.0, 0.3])
    assert prediction.probability[:, 0].tolist() == [1.0, 1.0]
    np.testing.assert_allclose(prediction.sigma[0, 0, 0], [0.2, 0.3, 0.0])


def test_a_light_that_changes_is_noticed(build: Any) -> None:
    engine = KinematicEngine(KinematicParameters())
    agents, lane_map = build.agents([(40.0, 0.0, 0.0, 10.0)]), build.junction()
    reached = [
        likeliest(
            engine.predict(
                build.scene(agents, lane_map, build.lights((7, colour, LightShape.CIRCLE)))
            )
        )[:, 0].max()
        for colour in (LightColour.GREEN, LightColour.RED, LightColour.RED, LightColour.GREEN)
    ]
    assert reached[0] == reached[3] > 105.0
    assert reached[1] == reached[2] < 97.0
