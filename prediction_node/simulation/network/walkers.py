"""Walkers and their walks."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from prediction_node.simulation.network.demand import Traffic
from prediction_node.simulation.network.routes import RoadGraph, road_graph, walking_components
from prediction_node.simulation.network.vehicle_types import draw_type

# A walk lasts about this long: a few hundred metres.
_MEAN_WALK_S = 150.0
_NEAR_M = 320.0
_END_MARGIN_M = 3.0


@dataclass(frozen=True, slots=True)
class Walk:
    """One walker as he goes into the routes file."""

    id: str
    type_id: str
    depart_s: float
    start: str
    start_m: float
    end: str
    end_m: float

    def element(self) -> ElementTree.Element:
        element = ElementTree.Element(
            'person',
            {
                'id': self.id,
                'type': self.type_id,
                'depart': f'{self.depart_s:.2f}',
                'departPos': f'{self.start_m:.2f}',
            },
        )
        ElementTree.SubElement(
            element,
            'walk',
            {'from': self.start, 'to': self.end, 'arrivalPos': f'{self.end_m:.2f}'},
        )
        return element


def draw_walks(traffic: Traffic, duration_s: float, rng: np.random.Generator) -> list[Walk]:
    """Walks between sidewalks that crosswalks connect; as many are under way at the start as
    later.
    """
    rate = traffic.scenario.demand.pedestrian_per_h / 3600.0
    if rate <= 0.0:
        return []
    graph = road_graph(traffic.network, 'pedestrian')
    targets = _targets(traffic, graph)
    starts = sorted(targets)
    if not starts:
        return []
    at_start = max(1, int(rng.poisson(rate * _MEAN_WALK_S)))
    later = rng.uniform(0.0, duration_s, int(rng.poisson(rate * duration_s)))
    length = np.array([graph.length_m[edge] for edge in starts])
    walks = []
    for number, depart in enumerate([*np.zeros(at_start), *np.sort(later)]):
        start = starts[int(rng.choice(len(starts), p=length / length.sum()))]
        end = targets[start][int(rng.integers(len(targets[start])))]
        type_id, _ = draw_type('pedestrian', traffic.scenario.behaviour, rng)
        places = [
            float(rng.uniform(_END_MARGIN_M, graph.length_m[edge] - _END_MARGIN_M))
            for edge in (start, end)
        ]
        walks.append(
            Walk(f'person_{number}', type_id, float(depart), start, places[0], end, places[1])
        )
    return walks


def _targets(traffic: Traffic, graph: RoadGraph) -> dict[str, list[str]]:
    """Edge -> other edges not too far off to walk to."""
    part = walking_components(traffic.network)
    edges = [edge for edge in sorted(part) if graph.length_m[edge] > 3.0 * _END_MARGIN_M]
    middle = {
        edge: np.mean(traffic.network.lanes[traffic.network.edges[edge].lanes[0]].shape_m, axis=0)
        for edge in edges
    }
    found = {
        edge: [
            other
            for other in edges
            if other != edge
            and part[other] == part[edge]
            and np.hypot(*(middle[other] - middle[edge])[:2]) < _NEAR_M
        ]
        for edge in edges
    }
    return {edge: others for edge, others in found.items() if others}
