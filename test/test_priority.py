"""When there are too many agents, those who matter to the robotaxi stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass
from prediction_node.priority import AgentBudget, closest_approach_m, most_at_risk


def make_ego(speed_mps: float = 10.0) -> Ego:
    return Ego(0, Transform.identity(), np.array([speed_mps, 0.0]), 0.0, np.array([4.9, 1.9, 1.7]))


def test_closest_approach_of_a_crossing_car(agents_of: Any) -> None:
    # Meets the ego at (50, 0) after five seconds.
    agents = agents_of(
        1, position_m=np.array([[50.0, -25.0, 0.0]]), velocity_mps=np.array([[0.0, 5.0]])
    )
    np.testing.assert_allclose(closest_approach_m(agents, make_ego()), 0.0, atol=1e-6)


def test_few_agents_all_stay(agents_of: Any) -> None:
    assert most_at_risk(agents_of(3), make_ego(), 5).tolist() == [0, 1, 2]


def test_a_walker_stays_where_a_car_as_near_goes(agents_of: Any) -> None:
    classes = np.eye(CLASS_COUNT)[[ObjectClass.CAR, ObjectClass.PEDESTRIAN]]
    agents = agents_of(
        2,
        position_m=np.array([[0.0, 20.0, 0.0], [0.0, 20.0, 0.0]]),
        velocity_mps=np.zeros((2, 2)),
        class_probabilities=classes,
    )
    assert most_at_risk(agents, make_ego(), 1).tolist() == [1]


def test_the_one_driving_away_goes_first(agents_of: Any) -> None:
    agents = agents_of(
        2,
        position_m=np.array([[-40.0, 0.0, 0.0], [40.0, 0.0, 0.0]]),
        velocity_mps=np.array([[-10.0, 0.0], [0.0, 0.0]]),
    )
    assert most_at_risk(agents, make_ego(), 1).tolist() == [1]


def test_the_order_of_rows_does_not_matter(agents_of: Any) -> None:
    agents = agents_of(50, seed=3)
    order = np.random.default_rng(1).permutation(50)
    kept = {agents.uuid[i].tobytes() for i in most_at_risk(agents, make_ego(), 20)}
    shuffled = agents.select(order)
    assert kept == {shuffled.uuid[i].tobytes() for i in most_at_risk(shuffled, make_ego(), 20)}


def test_one_slow_cycle_is_a_hiccup_two_are_a_load() -> None:
    budget = AgentBudget(256, 90.0)
    budget.after(180.0, 200)
    assert budget.limit == 256
    budget.after(180.0, 200)
    assert budget.limit == 80  # 0.8 x 200 x 90 / 180


def test_the_cut_is_measured_by_what_was_predicted() -> None:
    budget = AgentBudget(256, 90.0)
    for _ in range(10):
        budget.after(100.0, 64)
    assert budget.limit == 46
    for _ in range(100):
        budget.after(9000.0, budget.limit)
    assert budget.limit == 16


def test_when_the_load_is_gone_all_are_back_within_a_few_cycles() -> None:
    budget = AgentBudget(256, 90.0)
    for _ in range(2):
        budget.after(160.0, 256)
    assert budget.limit == 115
    budget.after(80.0, 115)
    assert budget.limit == 115  # just within the budget: no room
    for _ in range(2):
        budget.after(20.0, 115)
    assert budget.limit == 256
