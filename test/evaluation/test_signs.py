"""Signs that precede behaviour: whose they are, and that hiding or reversing them touches nothing
else.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node import cli
from prediction_node.domain.kinds import ATTRIBUTE_COUNT, ATTRIBUTE_INDEX, CLASS_COUNT, ObjectClass
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightColour, LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import History, Scene
from prediction_node.evaluation.counterfactual import collect
from prediction_node.evaluation.masks import MASKS, Masked
from prediction_node.evaluation.precedents import PRECEDENTS, Precedent
from prediction_node.evaluation.windows import FUTURE_STEPS, Window, onlooker
from prediction_node.inference.constant_velocity import ConstantVelocityEngine

BY_NAME = {p.name: p for p in PRECEDENTS}
AFTER_S = 0.1 * np.arange(1, FUTURE_STEPS + 1)


def lamps(colour: LightColour) -> LightStates:
    one = np.ones(1)
    return LightStates(
        np.array([7]), np.array([colour], np.int8), one.astype(np.int8), one, np.array([0])
    )


@pytest.fixture
def window_of(agents_of: Any, street: LaneMap) -> Any:
    """Of agents given as (class, x, speed, {attribute: value}, where it ends up)."""

    def build(
        bodies: list[tuple[ObjectClass, float, float, dict[str, float], tuple[float, float]]],
        colour: LightColour = LightColour.RED,
    ) -> Window:
        n = len(bodies)
        x = np.array([b[1] for b in bodies])
        speed = np.array([b[2] for b in bodies])
        values, known = np.zeros((n, ATTRIBUTE_COUNT)), np.zeros((n, ATTRIBUTE_COUNT), bool)
        for k, body in enumerate(bodies):
            for name, value in body[3].items():
                values[k, ATTRIBUTE_INDEX[name]] = value
                known[k, ATTRIBUTE_INDEX[name]] = True
        label = np.array([int(b[0]) for b in bodies])
        agents = agents_of(
            n,
            position_m=np.column_stack([x, np.zeros(n), np.zeros(n)]),
            yaw_rad=np.zeros(n),
            velocity_mps=np.column_stack([speed, np.zeros(n)]),
            attributes=values,
            has_attribute=known,
            class_probabilities=np.eye(CLASS_COUNT)[label],
        )
        end = np.array([b[4] for b in bodies])
        share = (AFTER_S / AFTER_S[-1])[None, :, None] ** np.array([1.0, 2.0])
        truth = agents.position_m[:, None, :2] + share * (end - agents.position_m[:, :2])[:, None]
        history = History(
            position_m=np.tile(agents.position_m[:, None, :2], (1, 31, 1)),
            yaw_rad=np.zeros((n, 31)),
            velocity_mps=np.tile(agents.velocity_mps[:, None], (1, 31, 1)),
            valid=np.ones((n, 31), bool),
        )
        scene = Scene(
            agents.stamp_ns,
            agents,
            history,
            onlooker(agents.stamp_ns, agents.position_m, agents.yaw_rad),
            street,
            lamps(colour),
        )
        valid = np.ones((n, FUTURE_STEPS), bool)
        return Window(scene, np.arange(n), label, truth, valid, 'made', 'made')

    return build


CAR, WALKER = ObjectClass.CAR, ObjectClass.PEDESTRIAN
WHEEL = 'front_wheel_angle_rad'


def test_turned_wheels_are_of_standing_cars_that_pull_out(window_of: Any) -> None:
    window = window_of(
        [
            (CAR, 10.0, 0.0, {WHEEL: 0.4}, (20.0, 3.0)),
            (CAR, 20.0, 0.0, {WHEEL: 0.4}, (20.0, 0.0)),  # stays
            (CAR, 30.0, 0.0, {WHEEL: 0.02}, (50.0, 3.0)),  # straight
            (CAR, 40.0, 6.0, {WHEEL: 0.4}, (60.0, 9.0)),  # drives already
            (CAR, 50.0, 0.0, {}, (60.0, 3.0)),  # nobody saw the wheels
            (WALKER, 60.0, 0.0, {WHEEL: 0.4}, (70.0, 3.0)),
        ]
    )
    chosen = BY_NAME['wheels_turned'].select(window)
    assert chosen.tolist() == [True, False, False, False, False, False]
    straight = BY_NAME['wheels_turned'].reverse(window.scene, np.array([0]))
    assert straight.agents.attributes[0, ATTRIBUTE_INDEX[WHEEL]] == 0.0
    assert straight.agents.has_attribute[0, ATTRIBUTE_INDEX[WHEEL]]
    assert straight.agents.attributes[1, ATTRIBUTE_INDEX[WHEEL]] == 0.4


def test_signals_count_where_the_turn_follows_and_swap_sides(window_of: Any) -> None:
    left, right = {'turn_left': 0.9, 'turn_right': 0.1}, {'turn_right': 0.8}
    window = window_of(
        [
            (CAR, 0.0, 6.0, left, (20.0, 20.0)),
            (CAR, 20.0, 6.0, left, (60.0, 0.0)),
            (CAR, 40.0, 6.0, right, (60.0, -20.0)),
            (CAR, 60.0, 6.0, right, (70.0, 20.0)),
        ]
    )
    precedent = BY_NAME['turn_signal']
    assert precedent.select(window).tolist() == [True, False, True, False]
    swapped = precedent.reverse(window.scene, np.array([0, 2])).agents
    l, r = ATTRIBUTE_INDEX['turn_left'], ATTRIBUTE_INDEX['turn_right']  # noqa: E741
    assert swapped.attributes[[0, 2]][:, [l, r]].tolist() == [[0.1, 0.9], [0.8, 0.0]]
    assert swapped.has_attribute[[0, 2]][:, [l, r]].tolist() == [[True, True], [True, False]]


def test_red_counts_ahead_and_near(window_of: Any) -> None:
    bodies = [
        (CAR, 70.0, 8.0, {}, (95.0, 0.0)),
        (CAR, 20.0, 8.0, {}, (80.0, 0.0)),  # too far to tell
        (CAR, 99.0, 8.0, {}, (160.0, 0.0)),  # past it
        (CAR, 90.0, 0.0, {}, (90.0, 0.0)),  # stands already
        (WALKER, 80.0, 3.0, {}, (95.0, 0.0)),
    ]
    precedent = BY_NAME['red_light']
    window = window_of(bodies)
    assert precedent.select(window).tolist() == [True, False, False, False, False]
    assert not precedent.select(window_of(bodies, LightColour.GREEN)).any()
    assert not len(precedent.hide(window.scene, np.array([0])).lights)
    assert precedent.reverse(window.scene, np.array([0])).lights.colour.tolist() == [
        LightColour.GREEN
    ]
    assert window.scene.lights.colour.tolist() == [LightColour.RED]


def test_phones_are_walkers_and_brake_lights_are_of_who_moves(window_of: Any) -> None:
    window = window_of(
        [
            (WALKER, 0.0, 1.0, {'phone_in_hand': 0.9}, (8.0, 0.0)),
            (WALKER, 5.0, 1.0, {'phone_in_hand': 0.2}, (13.0, 0.0)),
            (CAR, 10.0, 8.0, {'brake': 0.9, 'phone_in_hand': 0.9}, (30.0, 0.0)),
            (CAR, 40.0, 0.0, {'brake': 0.9}, (40.0, 0.0)),
        ]
    )
    assert BY_NAME['phone'].select(window).tolist() == [True, False, False, False]
    assert BY_NAME['brake_lights'].select(window).tolist() == [False, False, True, False]


@pytest.mark.parametrize('precedent', PRECEDENTS, ids=lambda p: p.name)
def test_hiding_a_sign_hides_it_of_these_agents_alone(window_of: Any, precedent: Precedent) -> None:
    full = dict.fromkeys(ATTRIBUTE_INDEX, 0.9)
    window = window_of([(CAR, 10.0 * k, 3.0, full, (90.0, 5.0)) for k in range(3)])
    before = window.scene
    for change in (precedent.hide, precedent.reverse):
        after = change(before, np.array([1]))
        for field in dataclasses.fields(before.agents):
            if field.name not in ('stamp_ns', 'attributes', 'has_attribute'):
                assert getattr(after.agents, field.name) is getattr(before.agents, field.name)
        for row in (0, 2):
            np.testing.assert_array_equal(after.agents.attributes[row], full['brake'])
            assert after.agents.has_attribute[row].all()
        changed = (
            (after.agents.attributes != before.agents.attributes).any()
            or (after.agents.has_attribute != before.agents.has_attribute).any()
            or after.lights is not before.lights
        )
        # Both signals at once are the same when swapped.
        assert changed or (precedent.name, change) == ('turn_signal', precedent.reverse)


class Believer:
    """Constant velocity, but a standing car drives off as fast as its wheels are turned."""

    name = 'believer'

    def predict(self, scene: Scene) -> Prediction:
        found = ConstantVelocityEngine().predict(scene)
        angle = scene.agents.attributes[:, ATTRIBUTE_INDEX[WHEEL]]
        way = 10.0 * angle[:, None] * 0.1 * np.arange(found.pose.shape[2])
        pose = found.pose.copy()
        pose[..., 0] += way[:, None]
        return dataclasses.replace(found, pose=pose)


def test_a_sign_that_is_heeded_shows(window_of: Any) -> None:
    # 0.2 rad: 2 m/s, 16 m after 8 s.
    window = window_of([(CAR, 10.0, 0.0, {WHEEL: 0.2}, (26.0, 0.0))] * 2)
    wheels, phone = collect([window], Believer(), [BY_NAME['wheels_turned'], BY_NAME['phone']])
    assert phone.errors == []
    errors = wheels.errors[0][:, :, 0]  # (agents, arm, horizon) of FDE
    np.testing.assert_allclose(errors[:, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(errors[:, 1], [[2.0, 6.0, 10.0, 16.0]] * 2)
    np.testing.assert_allclose(errors[:, 2], errors[:, 1])
    np.testing.assert_allclose(wheels.shift_m[0], errors[:, 1])


@pytest.mark.parametrize('name', MASKS)
def test_a_mask_hides_one_thing_and_the_answer_names_the_agents_as_seen(
    window_of: Any, name: str
) -> None:
    scene = window_of([(CAR, 10.0, 3.0, {'brake': 0.9}, (30.0, 0.0))] * 2).scene
    hidden = MASKS[name](scene)
    differs = {
        'attributes': not hidden.agents.has_attribute.any(),
        'lights': not len(hidden.lights),
        'map': hidden.lane_map is None,
        'history': bool(
            hidden.history.valid[:, -1].all() and not hidden.history.valid[:, :-1].any()
        ),
    }
    for modality, column in (('camera', 0), ('lidar', 1), ('radar', 2), ('thermal', 3)):
        differs[modality] = bool(np.isinf(hidden.agents.modality_age_s[:, column]).all())
    assert {key for key, value in differs.items() if value} == {name}
    found = Masked(ConstantVelocityEngine(), name).predict(scene)
    assert found.agents is scene.agents
    with pytest.raises(KeyError):
        Masked(ConstantVelocityEngine(), 'gravity')


def test_the_command_tells_what_inputs_and_signs_are_worth(
    small_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / 'ablations.json'
    arguments = ['evaluate', 'ablations', '--data', str(small_store), '--limit', '3']
    assert cli.main([*arguments, '--json', str(file)]) == 0
    assert 'kinematic without map' in capsys.readouterr().out
    result = json.loads(file.read_text())
    assert result['arms'] == ['kinematic', *(f'kinematic without {name}' for name in MASKS)]
    assert set(result['hidden']['all_classes']['gain_over']) == set(result['arms'][1:])
    # Nobody on open ground gives a sign.
    assert {sign['agents'] for sign in result['signs']['kinematic'].values()} == {0}
    assert cli.main([*arguments, '--arm', 'nameless']) == 2
    assert 'NAME=DIR' in capsys.readouterr().err
