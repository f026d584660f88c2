"""report.html: one file a browser opens, with a bird's-eye player and the figures."""

from __future__ import annotations

import base64
import json
import math
import zlib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.compiled import compiled
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
    """The head of a frame for JSON, and its agents as int16: see `_packed`."""
    base = _base(frame)
    numbers = [names.setdefault(uuid.tobytes(), len(names)) % 32768 for uuid in frame.uuid]
    values = _packed(
        np.array(numbers, np.int64),
        frame.label.astype(np.int64),
        frame.pose.astype(np.float64),
        frame.size_m.astype(np.float64),
        frame.speed_mps.astype(np.float64),
        frame.probability.astype(np.float64),
        np.ascontiguousarray(frame.path),
        frame.truth_m,
        frame.truth_valid,
        base,
    )
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
    return head, values


@compiled
def _packed(
    number: np.ndarray,
    label: np.ndarray,
    pose: np.ndarray,
    size_m: np.ndarray,
    speed_mps: np.ndarray,
    probability: np.ndarray,
    path: np.ndarray,
    truth_m: np.ndarray,
    truth_valid: np.ndarray,
    base_m: np.ndarray,
) -> np.ndarray:
    """The agents of a frame, one after the other, as int16.

    An agent is: number, class, x, y, yaw, length, width, speed, whether its future is known and its
    count of paths; then the known future (x, y by point); then by path its weight and x, y, yaw by
    point. Arguments are fields of ReplayFrame, in float64 but for path and truth_m.
    """
    n, modes, points = len(number), path.shape[1], path.shape[2]
    out = np.empty(n * (10 + 2 * points + modes * (1 + 3 * points)), np.int16)
    grid = 1.0 / _GRID_M
    at = 0
    for i in range(n):
        known = False
        for t in range(points):
            known = known or truth_valid[i, t]
        used = 0
        for k in range(modes):
            used += probability[i, k] >= _LEAST_WEIGHT
        out[at] = number[i]
        out[at + 1] = label[i]
        out[at + 2] = _whole((pose[i, 0] - base_m[0]) * grid)
        out[at + 3] = _whole((pose[i, 1] - base_m[1]) * grid)
        out[at + 4] = _whole(pose[i, 2] * _YAW)
        out[at + 5] = _whole(size_m[i, 0] * grid)
        out[at + 6] = _whole(size_m[i, 1] * grid)
        out[at + 7] = _whole(speed_mps[i] * _SPEED)
        out[at + 8] = known
        out[at + 9] = used
        at += 10
        if known:
            for t in range(points):
                for axis in range(2):
                    out[at] = _NOWHERE
                    if truth_valid[i, t]:
                        out[at] = _whole((float(truth_m[i, t, axis]) - base_m[axis]) * grid)
                    at += 1
        for k in range(modes):
            if not probability[i, k] >= _LEAST_WEIGHT:
                continue
            out[at] = _whole(probability[i, k] * _WEIGHT)
            at += 1
            for t in range(points):
                for axis in range(2):
                    out[at + axis] = _whole((float(path[i, k, t, axis]) - base_m[axis]) * grid)
                yaw = (float(path[i, k, t, 2]) + math.pi) % (2.0 * math.pi) - math.pi
                out[at + 2] = _whole(yaw * _YAW)
                at += 3
    return out[:at]


@compiled
def _whole(value: float) -> int:
    """Rounded and held within 16 bits, one number below it kept free for `_NOWHERE`."""
    return int(min(max(round(value), -32767), 32767))


def _base(frame: ReplayFrame) -> np.ndarray:
    if frame.ego_pose is not None:
        return np.round(frame.ego_pose[:2].astype(np.float64))
    return np.round(frame.pose[0, :2].astype(np.float64)) if len(frame) else np.zeros(2)


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
