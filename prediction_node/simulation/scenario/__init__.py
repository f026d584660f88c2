"""Scenario files: what a city and its traffic are made of."""

from prediction_node.simulation.scenario.scenario import Scenario

__all__ = ['Scenario']
