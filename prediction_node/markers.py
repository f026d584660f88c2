"""What RViz and Foxglove show: predicted boxes in green, their weight in opacity; truth in blue."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.kinds import WALKERS, ObjectClass, class_mask
from prediction_node.domain.lane_map import LaneKind, LaneMap
from prediction_node.domain.lights import LightColour, LightStates
from prediction_node.domain.markers import Marker, MarkerType
from prediction_node.domain.prediction import Prediction

_STEPS = np.arange(10, 81, 10)  # a box every second
_LEAST_WEIGHT = 0.02
_GREEN, _BLUE = (0.13, 0.77, 0.37), (0.23, 0.51, 0.96)
_EGO, _MOTOR, _CYCLE, _WALKER = (
    (0.95, 0.3, 0.25),
    (0.85, 0.85, 0.9),
    (0.98, 0.75, 0.2),
    (0.98, 0.55, 0.8),
)
_LANE, _BORDER, _CROSSWALK, _STOP = (
    (0.35, 0.4, 0.5),
    (0.55, 0.6, 0.7),
    (0.9, 0.9, 0.95),
    (0.9, 0.2, 0.2),
)
_LIGHT_COLOURS = {
    LightColour.RED: (0.95, 0.15, 0.15),
    LightColour.AMBER: (0.98, 0.7, 0.1),
    LightColour.GREEN: (0.1, 0.85, 0.3),
    LightColour.WHITE: (1.0, 1.0, 1.0),
    LightColour.UNKNOWN: (0.5, 0.5, 0.5),
}


def scene_markers(
    prediction: Prediction,
    agents: Agents,
    ego: Ego | None,
    lane_map: LaneMap | None,
    lights: LightStates,
) -> list[Marker]:
    """Agents, ego, futures and lamps; send every cycle, with `map_markers` now and then."""
    origin = _origin(ego, agents)
    return [
        _agents(agents, origin),
        _ego(ego, origin),
        *_futures(prediction, origin),
        _lights(lane_map, lights, origin),
    ]


def map_markers(lane_map: LaneMap | None) -> list[Marker]:
    """Lanes, borders, crosswalks and stop lines: they do not change until the map does."""
    if lane_map is None or not len(lane_map):
        return []
    origin = np.floor(lane_map.centreline.points_m[0])
    walkways = np.isin(lane_map.kind, [LaneKind.CROSSWALK, LaneKind.WALKWAY])
    lanes = [lane_map.centreline[i] for i in np.flatnonzero(~walkways)]
    borders = [
        side[i]
        for side in (lane_map.left_border, lane_map.right_border)
        for i in range(len(lane_map))
    ]
    crossings = [
        np.concatenate(
            [lane_map.left_border[i], lane_map.right_border[i][::-1], lane_map.left_border[i][:1]]
        )
        for i in np.flatnonzero(lane_map.kind == LaneKind.CROSSWALK)
    ]
    stops = [lane_map.stop_lines[i] for i in range(len(lane_map.stop_lines))]
    return [
        _lines('map/centrelines', lanes, (*_LANE, 0.5), 0.08, origin),
        _lines('map/borders', borders, (*_BORDER, 0.8), 0.1, origin),
        _lines('map/crosswalks', crossings, (*_CROSSWALK, 0.9), 0.2, origin),
        _lines('map/stop_lines', stops, (*_STOP, 0.9), 0.3, origin),
    ]


def truth_markers(future_m: np.ndarray, valid: np.ndarray, origin_m: np.ndarray) -> Marker:
    """What really happened: (N, T, 2) positions and (N, T) masks become blue lines at height
    origin_m[2].
    """
    lines = [
        np.column_stack([path[ok], np.full(int(ok.sum()), origin_m[2])])
        for path, ok in zip(future_m, valid, strict=True)
        if ok.sum() > 1
    ]
    return _lines('truth', lines, (*_BLUE, 0.9), 0.25, origin_m)


def _origin(ego: Ego | None, agents: Agents) -> np.ndarray:
    if ego is not None:
        place = ego.map_from_base.translation_m
    else:
        place = agents.position_m[0] if len(agents) else np.zeros(3)
    origin: np.ndarray = np.floor(place)
    return origin


def _lines(
    name: str,
    lines: list[np.ndarray],
    colour: tuple[float, ...],
    width_m: float,
    origin: np.ndarray,
) -> Marker:
    pieces = [np.repeat(line, 2, axis=0)[1:-1] for line in lines if len(line) > 1]
    points = np.concatenate(pieces) - origin if pieces else np.zeros((0, 3))
    return Marker(
        name, MarkerType.LINE_LIST, width_m, points, np.tile(colour, (len(points), 1)), origin
    )


def box_corners(centre: np.ndarray, yaw_rad: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(..., 2) centres, (...) yaws and (..., 2) length and width to (..., 4, 2) corners,
    counter-clockwise.
    """
    unit = 0.5 * np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    local = unit * size[..., None, :]
    cos, sin = np.cos(yaw_rad)[..., None], np.sin(yaw_rad)[..., None]
    x = cos * local[..., 0] - sin * local[..., 1]
    y = sin * local[..., 0] + cos * local[..., 1]
    corners: np.ndarray = np.asarray(centre)[..., None, :] + np.stack([x, y], -1)
    return corners


def _boxes(
    name: str, corners: np.ndarray, height: np.ndarray, colours: np.ndarray, origin: np.ndarray
) -> Marker:
    """(B, 4, 2) corners, (B,) heights, (B, 4) colours: two triangles each."""
    triangles = corners[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 2) - origin[:2]
    z = np.repeat(height - origin[2], 6)
    points = np.column_stack([triangles, z])
    return Marker(
        name, MarkerType.TRIANGLE_LIST, 1.0, points, np.repeat(colours, 6, axis=0), origin
    )


def _agents(agents: Agents, origin: np.ndarray) -> Marker:
    corners = box_corners(agents.position_m[:, :2], agents.yaw_rad, agents.size_m[:, :2])
    label = agents.label
    rgb = np.tile(_MOTOR, (len(agents), 1))
    rgb[np.isin(label, [ObjectClass.BICYCLE, ObjectClass.MOTORCYCLE])] = _CYCLE
    rgb[class_mask(WALKERS)[label]] = _WALKER
    colours = np.column_stack([rgb, np.clip(agents.existence, 0.2, 1.0)])
    return _boxes('agents', corners, agents.position_m[:, 2] + 0.1, colours, origin)


def _ego(ego: Ego | None, origin: np.ndarray) -> Marker:
    if ego is None:
        return _boxes('ego', np.zeros((0, 4, 2)), np.zeros(0), np.zeros((0, 4)), origin)
    corners = box_corners(ego.centre_m[None], np.array([ego.yaw_rad]), ego.size_m[None, :2])
    height = np.array([ego.map_from_base.translation_m[2] + 0.1])
    return _boxes('ego', corners, height, np.array([[*_EGO, 1.0]]), origin)


def _futures(prediction: Prediction, origin: np.ndarray) -> list[Marker]:
    agent, mode = np.nonzero(prediction.probability >= _LEAST_WEIGHT)
    weight = prediction.probability[agent, mode]
    pose = prediction.pose[agent, mode]
    height = prediction.agents.position_m[agent, 2]
    at = pose[:, _STEPS]
    size = np.repeat(prediction.agents.size_m[agent, None, :2], len(_STEPS), axis=1)
    corners = box_corners(at[..., :2], at[..., 2], size).reshape(-1, 4, 2)
    alpha = 0.08 + 0.6 * weight
    rgba = np.column_stack([np.tile(_GREEN, (len(weight), 1)), alpha])
    boxes = _boxes(
        'predicted/boxes',
        corners,
        np.repeat(height + 0.05, len(_STEPS)),
        np.repeat(rgba, len(_STEPS), axis=0),
        origin,
    )
    line = pose[:, ::4, :2]
    ends = np.repeat(line, 2, axis=1)[:, 1:-1]
    count = ends.shape[1]
    points = np.column_stack([ends.reshape(-1, 2), np.repeat(height + 0.1, count)]) - origin
    rgba[:, 3] = 0.15 + 0.85 * weight
    colours = np.repeat(rgba, count, axis=0)
    paths = Marker('predicted/paths', MarkerType.LINE_LIST, 0.15, points, colours, origin)
    return [boxes, paths]


def _lights(lane_map: LaneMap | None, lights: LightStates, origin: np.ndarray) -> Marker:
    points, colours = [], []
    if lane_map is not None:
        group_of = {int(g): i for i, g in enumerate(lane_map.light_group_id)}
        for k in range(len(lights)):
            group = group_of.get(int(lights.group_id[k]))
            if group is None:
                continue
            for place in _lamp_places(lane_map, group):
                points.append(place - origin)
                colours.append((*_LIGHT_COLOURS[LightColour(int(lights.colour[k]))], 0.95))
    return Marker(
        'lights',
        MarkerType.SPHERE_LIST,
        1.0,
        np.array(points).reshape(-1, 3),
        np.array(colours).reshape(-1, 4),
        origin,
    )


def _lamp_places(lane_map: LaneMap, group: int) -> list[np.ndarray]:
    """Where to draw a group: in the middle of its stop line, else where its lanes begin."""
    stops = lane_map.light_stop_line[group]
    if len(stops):
        return [lane_map.stop_lines[int(s)].mean(axis=0) for s in stops]
    return [lane_map.centreline[int(lane)][0] for lane in lane_map.light_lanes[group]]
