"""The scorecard: known errors, calibration, bounds, and what it does with gaps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prediction_node.conditional.answers import Answers
from prediction_node.conditional.parameters import ConditionedParameters
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.conditional import Conditioned, EgoPlan
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import CLASS_COUNT, MODALITY_COUNT, ObjectClass
from prediction_node.domain.message_arrays import CandidateTrajectoriesArrays
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.scorecard.parameters import ScorecardParameters
from prediction_node.scorecard.scorecard import Scorecard
from prediction_node.scorecard.tally import Tally, score

STEP_NS = 100_000_000
AHEAD_S = 0.1 * np.arange(POSE_COUNT)
START_NS = 1_700_000_000_000_000_000


class World:
    """A car and a walker at constant acceleration, and predictions that are off as asked."""

    def __init__(self, agents_of: Callable[..., Agents], error_mps: float = 0.0) -> None:
        self._agents_of, self.error_mps = agents_of, error_mps
        self.acceleration = np.array([[0.5, 0.0], [0.0, 0.0]])
        self.speed = np.array([[8.0, 0.0], [0.0, 1.2]])
        self.start = np.array([[0.0, 0.0], [20.0, 5.0]])
        self.age_s = 0.0

    def agents(self, at_s: float) -> Agents:
        labels = [ObjectClass.CAR, ObjectClass.PEDESTRIAN]
        place = self.start + self.speed * at_s + 0.5 * self.acceleration * at_s**2
        return self._agents_of(
            2,
            stamp_ns=START_NS + round(at_s * 1e9),
            position_m=np.column_stack([place, np.zeros(2)]),
            velocity_mps=self.speed + self.acceleration * at_s,
            class_probabilities=np.eye(CLASS_COUNT)[labels],
            modality_age_s=np.full((2, MODALITY_COUNT), self.age_s),
        )

    def prediction(self, at_s: float) -> Prediction:
        """Mode 0 (0.7) is off by `error_mps` x time, mode 1 (0.3) by half of it."""
        agents = self.agents(at_s)
        pose = np.zeros((2, MODE_COUNT, POSE_COUNT, 3))
        for k, ahead in enumerate(AHEAD_S):
            pose[:, :, k, :2] = self.agents(at_s + ahead).position_m[:, None, :2]
        pose[:, 0, :, 1] += self.error_mps * AHEAD_S
        pose[:, 1, :, 1] += 0.5 * self.error_mps * AHEAD_S
        sigma = np.zeros_like(pose)
        sigma[..., :2] = 0.5
        probability = np.zeros((2, MODE_COUNT))
        probability[:, :2] = 0.7, 0.3
        return Prediction(agents, pose, sigma, probability, 'test')

    def ego(self, at_s: float, speed_mps: float = 5.0) -> Ego:
        place = np.array([speed_mps * at_s, -10.0, 0.0])
        return Ego(
            START_NS + round(at_s * 1e9), Transform.from_xyz_yaw(place, 0.0),
            np.array([speed_mps, 0.0]), 0.0, np.array([4.9, 1.9, 1.6]),
        )  # fmt: skip


def drive(card: Scorecard, world: World, seconds: float, step_s: float = 0.1) -> None:
    for k in range(round(seconds / step_s) + 1):
        at_s = k * step_s
        prediction = world.prediction(at_s)
        card.add(prediction, prediction.agents, world.ego(at_s), k * STEP_NS)


@pytest.fixture
def card() -> Scorecard:
    return Scorecard(ScorecardParameters(half_life_s=1e6))


def test_a_perfect_predictor_beats_constant_velocity(agents_of: Any, card: Scorecard) -> None:
    drive(card, World(agents_of), 9.0)
    figures = card.figures()
    car = figures['classes']['car']
    assert list(car) == ['1s', '3s', '5s', '8s']
    for name, horizon in (('1s', 1.0), ('3s', 3.0), ('5s', 5.0), ('8s', 8.0)):
        assert car[name]['fde_m'] == pytest.approx(0.0, abs=1e-6)
        expected = 0.5 * 0.5 * horizon**2
        assert car[name]['constant_velocity_fde_m'] == pytest.approx(expected, abs=1e-3)
        assert car[name]['within_90'] == 1.0
    assert figures['classes']['pedestrian']['8s']['constant_velocity_fde_m'] == pytest.approx(0.0)
    # 91 releases: 81 of them were followed by one a second later, and so on.
    assert car['1s']['n'] == pytest.approx(81, abs=0.1)
    assert car['8s']['n'] == pytest.approx(11, abs=0.1)
    assert figures['scored'] == 2 * (81 + 61 + 41 + 11)


def test_errors_misses_and_calibration_are_those_of_the_modes(
    agents_of: Any, card: Scorecard
) -> None:
    drive(card, World(agents_of, error_mps=1.0), 9.0)
    five = card.figures()['classes']['pedestrian']['5s']
    assert five['fde_m'] == pytest.approx(5.0, abs=1e-6)
    assert five['min_fde_m'] == pytest.approx(2.5, abs=1e-6)
    assert five['miss_rate'] == 1.0
    three = card.figures()['classes']['pedestrian']['3s']
    assert three['miss_rate'] == 0.0
    # Mode 0 says 0.7 and never comes closest, mode 1 says 0.3 and always does.
    assert three['ece'] == pytest.approx(0.7, abs=1e-6)
    assert three['within_90'] == 0.0


def test_releases_between_the_steps_are_scored_at_the_exact_horizon(
    agents_of: Any, card: Scorecard
) -> None:
    drive(card, World(agents_of), 9.0, step_s=0.07)
    for cell in card.figures()['classes']['car'].values():
        assert cell['fde_m'] < 0.002  # the truth is moved by its velocity over less than 0.05 s


def test_who_coasts_is_no_truth(agents_of: Any, card: Scorecard) -> None:
    world = World(agents_of)
    world.age_s = 0.5
    drive(card, world, 4.0)
    assert card.figures()['scored'] == 0


def test_after_a_jump_of_time_nothing_of_before_is_scored(agents_of: Any, card: Scorecard) -> None:
    world = World(agents_of)
    drive(card, world, 4.0)
    before = card.figures()['scored']
    card.restart()
    drive(card, world, 0.9)
    assert card.figures()['scored'] == before


def test_a_release_that_stands_in_time_is_not_counted(agents_of: Any, card: Scorecard) -> None:
    world = World(agents_of)
    drive(card, world, 2.0)
    before = card.figures()['scored']
    prediction = world.prediction(2.0)
    for _ in range(5):
        card.add(prediction, prediction.agents, world.ego(2.0), 0)
    assert card.figures()['scored'] == before


def test_memory_is_bounded(agents_of: Any, card: Scorecard) -> None:
    drive(card, World(agents_of), 12.0)
    assert len(card._forecasts) <= 84
    assert len(card._way_ns) <= 84


def test_old_scores_fade(agents_of: Any) -> None:
    card = Scorecard(ScorecardParameters(half_life_s=1.0))
    drive(card, World(agents_of), 20.0)
    # One score every 0.1 s that counts half after a second: 0.1 / ln 2 of them at the end.
    car = card.figures()['classes']['car']['1s']
    assert car['n'] == pytest.approx(1.0 / (1.0 - 0.5**0.1), rel=1e-3)


def test_the_worst_of_a_release_is_named(agents_of: Any, card: Scorecard) -> None:
    world = World(agents_of, error_mps=2.0)
    drive(card, world, 3.0)
    assert {miss.horizon_s for miss in card.worst} == {1.0, 3.0}
    for miss in card.worst:
        assert miss.severity_mps == pytest.approx(1.0, abs=1e-6)
    assert 'm off after 3 s' in str(card.worst[0]) + str(card.worst[1])


def plan(speed_mps: float, ego: Ego) -> EgoPlan:
    pose = np.zeros((81, 3))
    pose[:, :2] = ego.position_m
    pose[:, 0] += speed_mps * AHEAD_S
    return EgoPlan(AHEAD_S, pose, np.full(81, speed_mps))


def answers_of(world: World, at_s: float, plans: tuple[EgoPlan, ...], offset_m: Any) -> Answers:
    """Answer i is the unconditional prediction moved sideways by offset_m[i]."""
    base = world.prediction(at_s)
    conditioned = []
    for offset in offset_m:
        pose = base.pose.copy()
        pose[..., 1] += offset
        conditioned.append(
            Conditioned(dataclasses.replace(base, pose=pose), np.zeros(POSE_COUNT), np.zeros(2))
        )
    nobody = np.zeros((0, 16), np.uint8)
    return Answers(
        CandidateTrajectoriesArrays((), nobody, nobody, ()), base.stamp_ns, world.ego(at_s),
        np.arange(len(plans)), plans, tuple(conditioned), (), 'test', ConditionedParameters(),
    )  # fmt: skip


def test_only_the_answer_to_the_driven_candidate_is_scored(agents_of: Any, card: Scorecard) -> None:
    world = World(agents_of, error_mps=0.4)
    for k in range(60):
        at_s = 0.1 * k
        prediction = world.prediction(at_s)
        card.add(prediction, prediction.agents, world.ego(at_s), k * STEP_NS)
        if k == 5:
            plans = (plan(2.0, world.ego(at_s)), plan(5.2, world.ego(at_s)))
            card.add_answers(answers_of(world, at_s, plans, (9.0, 0.3)), prediction)
    cells = card.figures()['conditional']['classes']['car']
    # At 5.2 m/s the robotaxi, at 5, is within a metre of the plan for 3 s, and not for 8.
    assert set(cells) == {'1s', '3s', '5s'}
    assert cells['3s']['fde_m'] == pytest.approx(1.2 + 0.3, abs=1e-6)
    assert cells['3s']['unconditional_fde_m'] == pytest.approx(1.2, abs=1e-6)
    assert cells['3s']['n'] == pytest.approx(1.0, abs=0.01)


def test_a_candidate_that_nobody_drove_is_not_scored(agents_of: Any, card: Scorecard) -> None:
    world = World(agents_of)
    prediction = world.prediction(0.0)
    card.add(prediction, prediction.agents, world.ego(0.0), 0)
    plans = (plan(15.0, world.ego(0.0)),)
    card.add_answers(answers_of(world, 0.0, plans, (0.0,)), prediction)
    for k in range(1, 60):
        at = world.prediction(0.1 * k)
        card.add(at, at.agents, world.ego(0.1 * k), k * STEP_NS)
    assert card.figures()['conditional']['scored'] == 0


def test_calibrated_modes_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    probability = np.tile([0.65, 0.35], (n, 1))
    right = (rng.uniform(size=n) > 0.65).astype(int)
    pose = np.zeros((n, 2, 2))
    pose[np.arange(n), 1 - right, 0] = 5.0
    sigma = np.tile([1.0, 1.0, 0.0], (n, 2, 1))
    truth = rng.normal(0.0, 1.0, (n, 2))
    tally = Tally(1e9, 'constant_velocity')
    tally.add(0, score(np.ones(n, int), pose, sigma, probability, truth, truth))
    cell = tally.overall()['1s']
    assert cell['ece'] < 0.02
    assert cell['within_90'] == pytest.approx(0.9, abs=0.02)
