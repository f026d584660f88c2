"""What the city's map is to those who hold the city."""

from __future__ import annotations

from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.simulation.city_map.build import lanelet_ids, network_map
from prediction_node.simulation.network.city import City
from prediction_node.simulation.network.net_file import read_network


def lane_map_of(city: City) -> LaneMap:
    """The city's lane map in the map frame; buildings are areas. Raises SimulationError."""
    return network_map(read_network(city.net), city.buildings)


def route_lanes(city: City, lane_map: LaneMap) -> tuple[tuple[int, ...], ...]:
    """For each edge of the robotaxi's route the rows of its road lanes, from the right.

    `lane_map` is the city's, as made or as read back from a file. Raises KeyError for a map of
    another city.
    """
    network = read_network(city.net)
    ids = lanelet_ids(network)
    rows = []
    for edge in city.ego_route:
        lanes = [lane_map.index_of(ids[lane]) for lane in network.edges[edge].lanes]
        rows.append(tuple(k for k in lanes if lane_map.kind[k] == LaneKind.ROAD))
    return tuple(rows)
