"""Scenario files: what a city and its traffic are made of."""

from prediction_node.simulation.scenario.draw import random_scenario
from prediction_node.simulation.scenario.read import SHIPPED, load_scenario, scenario_from
from prediction_node.simulation.scenario.scenario import Scenario
from prediction_node.simulation.scenario.text import scenario_text

__all__ = [
    'SHIPPED',
    'Scenario',
    'load_scenario',
    'random_scenario',
    'scenario_from',
    'scenario_text',
]
