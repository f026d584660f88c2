"""Random scenarios: the same seed, the same scenario; together they hold everything."""

from __future__ import annotations

import dataclasses

from prediction_node.simulation.scenario import Scenario, random_scenario
from prediction_node.simulation.scenario.layout import JUNCTION_KINDS, STREET_KINDS

SEEDS = range(60)


def junctions(scenario: Scenario) -> set[str]:
    layout = scenario.layout
    return {
        layout.junction(column, row)
        for column in range(len(layout.columns))
        for row in range(len(layout.rows))
    }


def test_a_seed_names_one_scenario() -> None:
    assert [random_scenario(seed) for seed in SEEDS] == [random_scenario(seed) for seed in SEEDS]


def test_seeds_differ() -> None:
    scenarios = [
        dataclasses.replace(random_scenario(seed), name='', description='') for seed in SEEDS
    ]
    assert len({repr(scenario) for scenario in scenarios}) == len(SEEDS)


def test_every_scenario_asks_for_every_class_and_every_event() -> None:
    for seed in SEEDS:
        scenario = random_scenario(seed)
        for group in (scenario.demand, scenario.events):
            assert all(value > 0.0 for value in dataclasses.astuple(group))


def test_twenty_in_a_row_hold_lights_and_together_all_junctions_and_streets() -> None:
    for first in (0, 20, 40):
        drawn = [random_scenario(seed) for seed in range(first, first + 20)]
        assert any('signal' in junctions(scenario) for scenario in drawn)
    everything = [random_scenario(seed) for seed in SEEDS]
    assert set().union(*map(junctions, everything)) == set(JUNCTION_KINDS)
    streets = {kind for each in everything for kind in (*each.layout.rows, *each.layout.columns)}
    assert streets == set(STREET_KINDS)
    assert {each.weather.night for each in everything} == {True, False}
    assert any(each.weather.visibility_m < 1000.0 for each in everything)
