"""report.html: one file a browser opens, with a bird's-eye player and the figures."""

from __future__ import annotations

import base64
import json
import zlib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import BagError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.lane_map import BorderKind, LaneKind, LaneMap
from prediction_node.replay.log import PATH_STEP_S, ReplayFrame, ReplayLog

# Frames travel as 16-bit integers about a base point of their own: 2 cm over +-655 m.
_GRID_M = 0.02
_YAW = 1e4
_SPEED = 100.0
_WEIGHT = 1e4
_LEAST_WEIGHT = 0.005
_NOWHERE = -32768
_MAP_MARGIN_M = 150.0


def write_report(log: ReplayLog, path: Path) -> None:
    """Write the report of a replay. Raises BagError naming the file if it cannot be written."""
    template = resources.files('prediction_node.replay').joinpath('report_template.html')
    page = template.read_text(encoding='utf-8')
    names: dict[bytes, int] = {}
    frames = [_frame(frame, names) for frame in log.frames]
    offsets = np.concatenate([[0], np.cumsum([len(values) for _, values in frames])])
    values = np.concatenate([v for _, v in frames]) if frames else np.zeros(0, '<i2')
    content = {
        'recording': log.recording,
        'engine': log.engine,
        'releases': log.releases,
        'step_s': PATH_STEP_S,
        'grid_m': _GRID_M,
        'classes': CLASS_NAMES,
        'map': _map(log),
        'frames': [
            {**head, 'at': int(at)} for (head, _), at in zip(frames, offsets[:-1], strict=True)
        ],
        'metrics': log.metrics,
        'summary': log.summary,
    }
    # A closing tag inside a string must not end the script element.
    text = json.dumps(content, separators=(',', ':'), allow_nan=False).replace('</', '<\\/')
    blob = base64.b64encode(zlib.compress(values.astype('<i2').tobytes(), 9)).decode('ascii')
    page = page.replace('/*CONTENT*/null', text).replace('/*FRAMES*/', blob)
    try:
        path.write_text(page, encoding='utf-8')
    except OSError as error:
        raise BagError(f'{path}: cannot be written: {error.strerror}') from None


def _frame(frame: ReplayFrame, names: dict[bytes, int]) -> tuple[dict[str, Any], np.ndarray]:
    """The head of a frame for JSON, and its agents as int16.

    An agent is: number, class, x, y, yaw, length, width, speed, whether its future is known and its
    count of paths; then the known future (x, y by point); then by path its weight and x, y, yaw by
    point.
    """
    base = _base(frame)
    out: list[np.ndarray] = []
    grid = 1.0 / _GRID_M
    for i in range(len(frame)):
        number = names.setdefault(frame.uuid[i].tobytes(), len(names))
        modes = np.flatnonzero(frame.probability[i] >= _LEAST_WEIGHT)
        known = bool(frame.truth_valid[i].any())
        xy = (frame.pose[i, :2] - base) * grid
        size = frame.size_m[i] * grid
        body = [number % 32768, int(frame.label[i]), *xy, frame.pose[i, 2] * _YAW, *size]
        out.append(_int16([*body, frame.speed_mps[i] * _SPEED, float(known), float(len(modes))]))
        if known:
            truth = _int16((frame.truth_m[i] - base) * grid)
            truth[~frame.truth_valid[i]] = _NOWHERE
            out.append(truth.ravel())
        for mode in modes:
            path = frame.path[i, mode].astype(np.float64)
            path[:, :2] = (path[:, :2] - base) * grid
            path[:, 2] = ((path[:, 2] + np.pi) % (2.0 * np.pi) - np.pi) * _YAW
            out.append(_int16([frame.probability[i, mode] * _WEIGHT]))
            out.append(_int16(path).ravel())
    head = {
        'stamp': str(frame.stamp_ns),
        't': frame.release_ns / 1e9,
        'mode': frame.mode,
        'reasons': list(frame.reasons),
        'base': base.tolist(),
        'n': len(frame),
        'ego': None
        if frame.ego_pose is None
        else [round(float(v), 3) for v in (*frame.ego_pose, *frame.ego_size_m)],
        'lights': [
            [str(int(group)), int(colour)]
            for group, colour in zip(frame.light_group, frame.light_colour, strict=True)
        ],
    }
    values = np.concatenate(out) if out else np.zeros(0, '<i2')
    return head, values


def _base(frame: ReplayFrame) -> np.ndarray:
    if frame.ego_pose is not None:
        return np.round(frame.ego_pose[:2].astype(np.float64))
    return np.round(frame.pose[0, :2].astype(np.float64)) if len(frame) else np.zeros(2)


def _int16(values: Any) -> np.ndarray:
    """Rounded and held within the range, one below it kept free for `_NOWHERE`."""
    return np.clip(np.round(np.asarray(values, np.float64)), -32767, 32767).astype('<i2')


def _map(log: ReplayLog) -> dict[str, Any]:
    """What lies within reach of the drive, relative to the log's origin, in centimetres."""
    lane_map = log.lane_map
    if lane_map is None or not len(lane_map):
        return {'lanes': [], 'stops': [], 'lights': []}
    near = _lanes_near_drive(lane_map, log)
    groups = {
        str(int(lane_map.light_group_id[g])): _line(_lamp(lane_map, g)[None], log.origin_m)
        for g in range(len(lane_map.light_group_id))
    }
    return {
        'lanes': [
            {
                'kind': LaneKind(int(lane_map.kind[i])).name.lower(),
                'left': _line(lane_map.left_border[i], log.origin_m),
                'right': _line(lane_map.right_border[i], log.origin_m),
                'centre': _line(lane_map.centreline[i], log.origin_m),
                'marks': [
                    BorderKind(int(lane_map.left_border_kind[i])).name.lower(),
                    BorderKind(int(lane_map.right_border_kind[i])).name.lower(),
                ],
            }
            for i in near
        ],
        'stops': [
            _line(lane_map.stop_lines[i], log.origin_m) for i in range(len(lane_map.stop_lines))
        ],
        'lights': [{'group': group, 'at': at} for group, at in groups.items()],
    }


def _lanes_near_drive(lane_map: LaneMap, log: ReplayLog) -> list[int]:
    seen = [f.pose[:, :2] for f in log.frames if len(f)]
    seen += [f.ego_pose[None, :2] for f in log.frames if f.ego_pose is not None]
    if not seen:
        return list(range(len(lane_map)))
    points = np.concatenate(seen) + log.origin_m
    low, high = points.min(axis=0) - _MAP_MARGIN_M, points.max(axis=0) + _MAP_MARGIN_M
    inside = (
        (lane_map.centreline.points_m[:, :2] > low) & (lane_map.centreline.points_m[:, :2] < high)
    ).all(axis=1)
    counts = np.add.reduceat(inside.astype(int), lane_map.centreline.offsets[:-1])
    return [int(i) for i in np.flatnonzero(counts)]


def _lamp(lane_map: LaneMap, group: int) -> np.ndarray:
    """(3,) where a signal group is drawn: on its stop line, else where its first lane begins."""
    stops = lane_map.light_stop_line[group]
    lanes = lane_map.light_lanes[group]
    place: np.ndarray
    if len(stops):
        place = lane_map.stop_lines[stops[0]].mean(axis=0)
    elif len(lanes):
        place = lane_map.centreline[lanes[0]][0]
    else:
        place = lane_map.light_position[group].mean(axis=0)
    return place


def _line(points_m: np.ndarray, origin_m: np.ndarray) -> list[int]:
    """x, y, x, y, ... in whole centimetres."""
    return [int(v) for v in np.round((points_m[:, :2] - origin_m) * 100.0).ravel()]
