"""Positions, headings and velocities of a running world."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.errors import SimulationError
from prediction_node.domain.kinds import ATTRIBUTE_INDEX, ObjectClass
from prediction_node.simulation.network.script import Script, StandingCar
from prediction_node.simulation.world.state import EgoPose
from prediction_node.simulation.world.world import World


def _of(world, track_id):
    """Where somebody is in the newest snapshot."""
    return int(np.flatnonzero(world.state.snapshot.row == world.cast.track_id.index(track_id))[0])


def test_a_car_that_drives_north_has_yaw_of_a_quarter_turn_and_moves_that_way(street):
    with World(street(), 1, warm_up_s=2.0) as world:
        before = world.state.snapshot
        after = world.step().snapshot
        me = _of(world, 'ego')
        assert after.yaw_rad[me] == pytest.approx(0.5 * np.pi)
        move = after.position_m[me] - before.position_m[me]
        assert move[1] > 0.5
        assert move[0] == pytest.approx(0.0, abs=1e-6)
        np.testing.assert_allclose(after.velocity_mps[me], move[:2] / 0.1, atol=1e-9)
        assert after.stamp_ns - before.stamp_ns == 100_000_000


def test_boxes_lie_half_a_length_behind_the_bumper_and_half_a_height_above_the_road(street):
    with World(street(), 1, warm_up_s=2.0) as world:
        me = _of(world, 'ego')
        front = np.array(world._engine.sumo.vehicle.getPosition('ego'))
        shot = world.state.snapshot
        np.testing.assert_allclose(shot.position_m[me], [front[0], front[1] - 2.5, 0.75])
        np.testing.assert_allclose(world.cast.size_m[world.cast.ego], [5.0, 1.8, 1.5])


def test_a_lorry_with_trailer_is_two_boxes_in_a_row(street):
    lorry = '<vehicle id="l" type="lorry" route="r" depart="0" departLane="3" departPos="200"/>'
    with World(street(lorry), 1, warm_up_s=2.0) as world:
        for _ in range(300):
            world.step()
            if 'l' not in world._vehicles.drivers:
                break
            shot = world.state.snapshot
            tractor, trailer = _of(world, 'l'), _of(world, 'l.trailer')
            half = [4.0 if k == trailer else 3.5 for k in (tractor, trailer)]
            ahead = [
                np.array([np.cos(shot.yaw_rad[k]), np.sin(shot.yaw_rad[k])])
                for k in (tractor, trailer)
            ]
            rear = shot.position_m[tractor, :2] - half[0] * ahead[0]
            front = shot.position_m[trailer, :2] + half[1] * ahead[1]
            assert np.hypot(*(rear - front)) == pytest.approx(1.0, abs=0.01)
        labels = {world.cast.track_id[k]: world.cast.label[k] for k in range(len(world.cast.label))}
        assert labels['l'] == ObjectClass.TRUCK
        assert labels['l.trailer'] == ObjectClass.TRAILER


def test_a_car_parked_for_good_stands_where_the_script_says(street):
    car = StandingCar('p', np.array([8.0, 120.0]), 0.5 * np.pi, np.array([4.0, 1.7, 1.4]))
    with World(street(script=Script(parked=(car,))), 1, warm_up_s=1.0) as world:
        world.step()
        shot = world.state.snapshot
        me = _of(world, 'p')
        np.testing.assert_allclose(shot.position_m[me], [8.0, 120.0, 0.7])
        assert shot.yaw_rad[me] == pytest.approx(0.5 * np.pi)
        assert not shot.velocity_mps[me].any()
        assert shot.attributes[me, ATTRIBUTE_INDEX['parked']] == 1.0


def test_the_robotaxi_is_exactly_where_it_is_put(street):
    with World(street(), 1, warm_up_s=2.0) as world:
        shot = world.state.snapshot
        at, yaw = shot.position_m[_of(world, 'ego'), :2].copy(), 0.5 * np.pi
        for k in range(40):
            yaw += 0.01
            at = at + 0.6 * np.array([np.cos(yaw), np.sin(yaw)])
            world.step(EgoPose(at, yaw, 6.0))
            shot, me = world.state.snapshot, _of(world, 'ego')
            assert np.array_equal(shot.position_m[me, :2], at), k
            assert shot.yaw_rad[me] == pytest.approx((yaw + np.pi) % (2 * np.pi) - np.pi, abs=1e-12)
            np.testing.assert_allclose(
                shot.velocity_mps[me], 6.0 * np.array([np.cos(yaw), np.sin(yaw)]), atol=1e-9
            )
            front = np.array(world._engine.sumo.vehicle.getPosition('ego'))
            np.testing.assert_allclose(front, at + 2.5 * np.array([np.cos(yaw), np.sin(yaw)]))


def test_followers_brake_for_a_robotaxi_that_stops(street):
    behind = (
        '<vehicle id="f" type="stays" route="r" depart="0" departLane="2" departPos="30" '
        'departSpeed="10"/>'
    )
    with World(street(behind), 1, warm_up_s=1.0) as world:
        at = world.state.snapshot.position_m[_of(world, 'ego'), :2].copy()
        for _ in range(80):
            world.step(EgoPose(at, 0.5 * np.pi, 0.0))
        shot = world.state.snapshot
        follower = _of(world, 'f')
        gap_m = at[1] - shot.position_m[follower, 1] - 5.0
        assert 0.5 < gap_m < 6.0
        assert np.hypot(*shot.velocity_mps[follower]) < 0.1


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_pose_that_is_not_finite_is_refused(street, bad):
    with (
        World(street(), 1, warm_up_s=1.0) as world,
        pytest.raises(SimulationError, match='must be finite'),
    ):
        world.step(EgoPose(np.array([0.0, bad]), 0.0, 0.0))


def test_the_robotaxi_may_stand_off_the_roads(street):
    with World(street(), 1, warm_up_s=1.0) as world:
        for _ in range(5):
            shot = world.step(EgoPose(np.array([60.0, 50.0]), 1.0, 0.0)).snapshot
            np.testing.assert_array_equal(shot.position_m[_of(world, 'ego'), :2], [60.0, 50.0])


def test_in_a_city_tracks_and_velocities_agree_and_nobody_leaps(downtown):
    with World(downtown, 1) as world:
        before = world.state.snapshot
        for _ in range(100):
            after = world.step().snapshot
            _, old, new = np.intersect1d(before.row, after.row, return_indices=True)
            step = after.position_m[new, :2] - before.position_m[old, :2]
            np.testing.assert_allclose(step / 0.1, after.velocity_mps[new], atol=1e-9)
            assert np.hypot(*step.T).max() < 3.5
            before = after
        assert len(before.row) > 100
