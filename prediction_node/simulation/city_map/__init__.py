"""The lane map of a simulated city."""

from __future__ import annotations

from prediction_node.simulation.city_map.build import lanelet_ids, network_map
from prediction_node.simulation.city_map.city import lane_map_of, route_lanes

__all__ = ['lane_map_of', 'lanelet_ids', 'network_map', 'route_lanes']
