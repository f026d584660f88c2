"""A plan as the plain XML files that netconvert reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from prediction_node.simulation.network.connections import lane_connections
from prediction_node.simulation.network.plan import LaneUse, Plan, PlannedEdge

# SUMO's classes of what drives; bicycles join them where they have no lane of their own.
MOTORISED = (
    'passenger',
    'taxi',
    'truck',
    'trailer',
    'bus',
    'motorcycle',
    'emergency',
    'delivery',
    'custom1',
)
# Cars that park: only they may use the lane at the kerb.
PARKING_CLASS = 'custom1'
_NODE_TYPES: Mapping[str, str] = {
    'signal': 'traffic_light',
    'priority': 'priority',
    'stop': 'priority_stop',
    'all_way_stop': 'allway_stop',
    'right_before_left': 'right_before_left',
    'ring': 'priority',
    'join': 'priority',
    'fringe': 'dead_end',
}
_CORNER_RADIUS_M = 5.0
_RING_RADIUS_M = 6.0
_CROSSWALK_WIDTH_M = 4.0


def write_plan(plan: Plan, folder: Path) -> dict[str, Path]:
    """Write nodes, edges and connections. Returns netconvert's option -> file."""
    roots = {
        'node-files': ('nod', _nodes(plan)),
        'edge-files': ('edg', _edges(plan)),
        'connection-files': ('con', _connections(plan)),
    }
    paths = {}
    for option, (suffix, root) in roots.items():
        paths[option] = folder / f'plain.{suffix}.xml'
        write_document(root, paths[option])
    return paths


def write_document(root: ElementTree.Element, path: Path) -> None:
    """Indented, with a line feed at its end: the same tree makes the same bytes."""
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding='utf-8') + b'\n')


def shape_text(line_m: np.ndarray) -> str:
    """A (K, 2) line as SUMO writes shapes, in whole millimetres."""
    return ' '.join(f'{x:.3f},{y:.3f}' for x, y in line_m)


def _nodes(plan: Plan) -> ElementTree.Element:
    root = ElementTree.Element('nodes')
    for node in plan.nodes:
        attributes = {
            'id': node.id,
            'x': f'{node.x_m:.3f}',
            'y': f'{node.y_m:.3f}',
            'type': _NODE_TYPES[node.kind],
        }
        if node.kind in ('signal', 'priority', 'stop', 'all_way_stop', 'right_before_left'):
            attributes['radius'] = f'{_CORNER_RADIUS_M:g}'
        if node.kind == 'ring':
            attributes['radius'] = f'{_RING_RADIUS_M:g}'
        ElementTree.SubElement(root, 'node', attributes)
    return root


def _edges(plan: Plan) -> ElementTree.Element:
    root = ElementTree.Element('edges')
    for edge in plan.edges:
        element = ElementTree.SubElement(
            root,
            'edge',
            {
                'id': edge.id,
                'from': edge.start,
                'to': edge.end,
                'name': edge.name,
                'type': edge.street,
                'numLanes': str(len(edge.lanes)),
                'speed': f'{edge.speed_mps:.2f}',
                'priority': str(edge.priority),
                'spreadType': 'right',
                'shape': shape_text(edge.shape_m),
            },
        )
        for index, lane in enumerate(edge.lanes):
            ElementTree.SubElement(
                element,
                'lane',
                {
                    'index': str(index),
                    'allow': ' '.join(_allowed(edge, lane.use)),
                    'width': f'{lane.width_m:.2f}',
                },
            )
    for ring in plan.rings:
        nodes = [edge.start for edge in plan.edges if edge.id in ring]
        ElementTree.SubElement(
            root, 'roundabout', {'nodes': ' '.join(nodes), 'edges': ' '.join(ring)}
        )
    return root


def _allowed(edge: PlannedEdge, use: LaneUse) -> Iterable[str]:
    if use is LaneUse.SIDEWALK:
        return ('pedestrian',)
    if use is LaneUse.BICYCLE:
        return ('bicycle',)
    if use is LaneUse.PARKING:
        return (PARKING_CLASS,)
    if edge.lane_index(LaneUse.BICYCLE) is None:
        return (*MOTORISED, 'bicycle')
    return MOTORISED


def _connections(plan: Plan) -> ElementTree.Element:
    root = ElementTree.Element('connections')
    for each in lane_connections(plan):
        attributes = {
            'from': each.edge,
            'to': each.onto_edge,
            'fromLane': str(each.lane),
            'toLane': str(each.onto_lane),
        }
        if each.waits_outside:
            attributes['contPos'] = '0'
        ElementTree.SubElement(root, 'connection', attributes)
    for crosswalk in plan.crosswalks:
        ElementTree.SubElement(
            root,
            'crossing',
            {
                'node': crosswalk.node,
                'edges': ' '.join(crosswalk.edges),
                'priority': 'true' if crosswalk.priority else 'false',
                'width': f'{_CROSSWALK_WIDTH_M:g}',
            },
        )
    return root
