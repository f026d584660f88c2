"""What road users show comes with, and before, what they do."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_INDEX, ObjectClass
from prediction_node.simulation.network.script import PullOut, Script
from prediction_node.simulation.world.world import World

PARKED, WHEELS = ATTRIBUTE_INDEX['parked'], ATTRIBUTE_INDEX['front_wheel_angle_rad']
LEFT, RIGHT = ATTRIBUTE_INDEX['turn_left'], ATTRIBUTE_INDEX['turn_right']
HAZARD, DOOR = ATTRIBUTE_INDEX['hazard'], ATTRIBUTE_INDEX['door_open']
PHONE, LOOKING = ATTRIBUTE_INDEX['phone_in_hand'], ATTRIBUTE_INDEX['looking_at_road']


def _watch(world, track_id, seconds):
    """(T,) times, (T, 2) positions, (T,) speeds and (T, ATTRIBUTE_COUNT) attributes of one."""
    told = []
    for _ in range(round(seconds * 10)):
        shot = world.step().snapshot
        if track_id in world.cast.track_id:
            row = world.cast.track_id.index(track_id)
            for k in np.flatnonzero(shot.row == row):
                speed = np.hypot(*shot.velocity_mps[k])
                told.append((world.now_s, shot.position_m[k, :2], speed, shot.attributes[k]))
    times, places, speeds, attributes = zip(*told, strict=True)
    return np.array(times), np.array(places), np.array(speeds), np.array(attributes)


def test_wheels_turn_then_the_signal_comes_then_the_car_pulls_out(street):
    car = (
        '<vehicle id="p" type="kerb" depart="0" departLane="1" departPos="stop" departSpeed="0">'
        '<route edges="ab bc"/><stop lane="ab_1" endPos="150" until="12"/></vehicle>'
    )
    script = Script(pull_outs=(PullOut('p', 12.0, 2.0),))
    with World(street(car, script, 'departPos="200"'), 3, warm_up_s=2.0) as world:
        signals = world._vehicles._driving._signals[world.cast.track_id.index('p')]
        times, places, speeds, shown = _watch(world, 'p', 16.0)
    moves_s = times[speeds > 0.2][0]
    turns_s = times[np.abs(shown[:, WHEELS]) > 0.2][0]
    assert shown[times < 10.0, PARKED].all()
    assert not shown[times < 10.0, WHEELS].any()
    assert 1.0 <= moves_s - turns_s <= 3.5
    if signals:
        blinks_s = times[shown[:, LEFT] > 0.5][0]
        assert turns_s < blinks_s < moves_s
    else:
        assert not shown[times < moves_s, LEFT].any()
    assert shown[times < turns_s - 2.0, DOOR].any()
    assert not shown[times > moves_s + 1.0, PARKED].any()
    # It leaves the kerb lane to the left, the way its wheels showed.
    assert places[-1, 0] < places[0, 0] - 1.5


def test_a_double_parked_lorry_has_its_hazard_lights_on_while_it_stands(street):
    lorry = (
        '<vehicle id="d" type="car" depart="0" departLane="2" departPos="100" departSpeed="0">'
        '<route edges="ab bc"/><stop lane="ab_2" endPos="150" duration="10"/></vehicle>'
    )
    with World(street(lorry, Script(double_parked=('d',))), 1, warm_up_s=1.0) as world:
        times, _, speeds, shown = _watch(world, 'd', 35.0)
    stands = (speeds < 0.05) & (times > 3.0)
    assert shown[stands, HAZARD].mean() > 0.8
    assert not shown[speeds > 3.0, HAZARD].any()
    assert shown[stands, DOOR].any()
    assert not shown[:, PARKED].any()


def test_an_ambulance_on_call_shows_it_and_others_do_not(street):
    demand = (
        '<vehicle id="a" type="siren" route="r" depart="0" departLane="3" departPos="40"/>'
        '<vehicle id="b" type="car" route="r" depart="0" departLane="3" departPos="100"/>'
    )
    with World(street(demand, Script(emergency=('a',))), 1, warm_up_s=1.0) as world:
        shot = world.step().snapshot
        on_call = shot.attributes[:, ATTRIBUTE_INDEX['emergency_active']]
        who = {world.cast.track_id[row]: on_call[k] for k, row in enumerate(shot.row)}
        assert who['a'] == 1.0
        assert who['b'] == who['ego'] == 0.0


def test_those_who_signal_do_so_before_they_turn(street):
    with World(street(ego='departPos="200" departSpeed="10"'), 1, warm_up_s=1.0) as world:
        world._vehicles._driving._signals[:] = True
        times, places, _, shown = _watch(world, 'ego', 30.0)
    turned_s = times[places[:, 0] < -12.0][0]
    blinks_s = times[shown[:, LEFT] > 0.5][0]
    assert blinks_s < turned_s - 1.0


def test_wheels_stand_to_the_left_in_a_left_turn(street):
    with World(street(ego='departPos="250" departSpeed="10"'), 1, warm_up_s=1.0) as world:
        _, _, _, shown = _watch(world, 'ego', 25.0)
    assert shown[:, WHEELS].max() > 0.05
    assert shown[:, WHEELS].min() > -0.1


def test_the_forgetful_never_signal(street):
    with World(street(ego='departPos="200" departSpeed="10"'), 1, warm_up_s=1.0) as world:
        world._vehicles._driving._signals[:] = False
        _, _, _, shown = _watch(world, 'ego', 25.0)
    assert not shown[:, [LEFT, RIGHT]].any()


def test_attributes_are_told_only_of_classes_that_have_them(downtown):
    with World(downtown, 1) as world:
        shot = world.step().snapshot
        label = world.cast.label[shot.row]
        on_foot = label == ObjectClass.PEDESTRIAN
        assert shot.has_attribute[on_foot][:, [PHONE, LOOKING]].all()
        assert not shot.has_attribute[on_foot][:, [LEFT, HAZARD, PARKED, WHEELS]].any()
        cars = label == ObjectClass.CAR
        assert not shot.has_attribute[cars][:, [PHONE, LOOKING]].any()
        assert shot.has_attribute[cars][:, [LEFT, RIGHT, HAZARD, DOOR, PARKED, WHEELS]].all()
        assert not shot.attributes[~shot.has_attribute].any()
        on_phone = shot.attributes[:, PHONE] > 0.5
        assert not shot.attributes[on_phone, LOOKING].any()
