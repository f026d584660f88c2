"""Lane maps as named arrays, bit for bit: reading one back takes milliseconds, parsing a map file
far longer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from prediction_node.domain.lane_map import Area, LaneMap, Polylines, Relation, Rule

_POLYLINES = (
    *('centreline', 'left_border', 'right_border'),
    *('light_position', 'stop_lines'),
)
_RELATIONS = (
    *('successors', 'predecessors', 'left', 'right', 'yields_to'),
    *('light_lanes', 'light_stop_line', 'lane_lights', 'stop_line_lanes'),
)
_OTHERS = ('areas', 'rules', 'source', 'warnings')
_PLAIN = tuple(
    f.name for f in fields(LaneMap) if f.name not in (*_POLYLINES, *_RELATIONS, *_OTHERS)
)


def map_to_arrays(lane_map: LaneMap) -> dict[str, np.ndarray]:
    """All of the map."""
    shapes: list[np.ndarray] = []  # of rules and areas

    def keep(shape: np.ndarray) -> list[int]:
        """Where a shape went, and its dimensions, since a point may be (3,) as well as (1, 3)."""
        shapes.append(np.asarray(shape, dtype=np.float64).reshape(-1, 3))
        return [len(shapes) - 1, np.ndim(shape)]

    rest = {
        'source': lane_map.source,
        'warnings': list(lane_map.warnings),
        'areas': [[a.id, a.kind, keep(a.outline_m)] for a in lane_map.areas],
        'rules': [
            {
                'id': rule.id,
                'kind': rule.kind,
                'lanes': list(rule.lanes),
                'geometry': {role: [keep(g) for g in of] for role, of in rule.geometry.items()},
                'role_lanes': {role: list(lanes) for role, lanes in rule.role_lanes.items()},
                'tags': dict(rule.tags),
            }
            for rule in lane_map.rules
        ],
    }
    lines = Polylines.of(shapes)
    out = {name: np.asarray(getattr(lane_map, name)) for name in _PLAIN}
    for name in _POLYLINES:
        each: Polylines = getattr(lane_map, name)
        out[f'{name}.points_m'], out[f'{name}.offsets'] = each.points_m, each.offsets
    for name in _RELATIONS:
        relation: Relation = getattr(lane_map, name)
        out[f'{name}.targets'], out[f'{name}.offsets'] = relation.targets, relation.offsets
    out['shapes.points_m'], out['shapes.offsets'] = lines.points_m, lines.offsets
    out['rest'] = np.frombuffer(json.dumps(rest, default=int).encode(), np.uint8)
    return out


def map_from_arrays(arrays: Mapping[str, np.ndarray]) -> LaneMap:
    """The map that `map_to_arrays` took apart. Raises ValueError where an entry is missing."""
    try:
        rest: dict[str, Any] = json.loads(arrays['rest'].tobytes())
        shapes = Polylines(arrays['shapes.points_m'], arrays['shapes.offsets'])

        def shape(kept: list[int]) -> np.ndarray:
            index, dimensions = kept
            return shapes[index].copy() if dimensions == 2 else shapes[index].reshape(3).copy()

        values: dict[str, Any] = {name: arrays[name].copy() for name in _PLAIN}
        for name in _POLYLINES:
            values[name] = Polylines(
                arrays[f'{name}.points_m'].copy(), arrays[f'{name}.offsets'].copy()
            )
        for name in _RELATIONS:
            values[name] = Relation(
                arrays[f'{name}.targets'].copy(), arrays[f'{name}.offsets'].copy()
            )
        return LaneMap(
            **values,
            areas=tuple(Area(i, kind, shape(kept)) for i, kind, kept in rest['areas']),
            rules=tuple(
                Rule(
                    id=rule['id'],
                    kind=rule['kind'],
                    lanes=tuple(rule['lanes']),
                    geometry={
                        role: tuple(shape(kept) for kept in of)
                        for role, of in rule['geometry'].items()
                    },
                    role_lanes={role: tuple(rows) for role, rows in rule['role_lanes'].items()},
                    tags=rule['tags'],
                )
                for rule in rest['rules']
            ),
            source=rest['source'],
            warnings=tuple(rest['warnings']),
        )
    except (KeyError, TypeError, IndexError, json.JSONDecodeError) as problem:
        raise ValueError(f'no lane map: {problem!r}') from problem
