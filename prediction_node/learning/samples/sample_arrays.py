"""Samples as named arrays of fixed types: float32 about an origin in float64.

Positions lie within some hundred metres of the origin, so float32 keeps them to 0.02 mm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.kinds import ATTRIBUTE_COUNT
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.learning.samples.sample import FUTURE_STEPS, Sample

# Entry: type. N agents, T instants of history, E lamps, A attributes. Positions are from `origin_m`
# along the axes of the map.
ENTRIES: Mapping[str, str] = {
    'meta': '|u1',  # JSON: recording, group, origin, map; facts for people, the index rules
    'stamp_ns': '<i8',  # ()
    'origin_m': '<f8',  # (3,)
    'uuid': '|u1',  # (N, 16)
    'position_m': '<f4',  # (N, 3)
    'motion': '<f4',  # (N, 5) yaw, velocity x and y, yaw rate, acceleration
    'covariance': '<f4',  # (N, 5, 5)
    'size_m': '<f4',  # (N, 3)
    'class_probabilities': '<f4',  # (N, classes)
    'existence': '<f4',  # (N,)
    'attributes': '<f4',  # (N, A)
    'has_attribute': '|u1',  # bits of (N, A)
    'modality_age_s': '<f4',  # (N, modalities)
    'history': '<f4',  # (N, T, 5) x, y, yaw, velocity x and y
    'history_valid': '|u1',  # bits of (N, T)
    'ego': '<f8',  # (8,) velocity x and y, yaw rate, size, centre offset, present
    'ego_pose': '<f8',  # (4, 3) rotation and translation of base_link, this one in map coordinates
    'ego_history': '<f4',  # (1, T, 5) or (0, T, 5)
    'ego_history_valid': '|u1',  # bits
    'light': '<i8',  # (E, 4) group id, colour, shape, stamp
    'light_confidence': '<f4',  # (E,)
    'label': '|i1',  # (N,)
    'future': '<f4',  # (N, 80, 3) x, y, yaw
    'future_valid': '|u1',  # bits of (N, 80)
    'ego_future': '<f4',  # (80, 4)
    'ego_future_valid': '|u1',  # bits of (80,)
}


def to_arrays(sample: Sample, map_digest: str | None) -> dict[str, np.ndarray]:
    """All of the sample but its map."""
    scene, agents, ego = sample.scene, sample.scene.agents, sample.scene.ego
    # Whole metres: positions on a grid stay on it.
    origin = np.floor(ego.map_from_base.translation_m)
    past = scene.ego_history
    steps = scene.history.valid.shape[1]
    meta = {
        'recording': sample.recording,
        'group': sample.group,
        'origin': sample.origin,
        'map': map_digest,
    }
    ego_track = np.zeros((0, steps, 5)) if past is None else _track(past, origin)
    lights = scene.lights
    ego_xy = np.where(sample.ego_future_valid[:, None], sample.ego_future[:, :2] - origin[:2], 0.0)
    values = {
        'meta': np.frombuffer(json.dumps(meta, sort_keys=True).encode(), np.uint8),
        'stamp_ns': np.array(scene.stamp_ns),
        'origin_m': origin,
        'uuid': agents.uuid,
        'position_m': agents.position_m - origin,
        'motion': np.column_stack(
            [
                agents.yaw_rad,
                agents.velocity_mps,
                agents.yaw_rate_radps,
                agents.acceleration_mps2,
            ]
        ),
        'covariance': agents.covariance,
        'size_m': agents.size_m,
        'class_probabilities': agents.class_probabilities,
        'existence': agents.existence,
        'attributes': agents.attributes,
        'has_attribute': np.packbits(agents.has_attribute),
        'modality_age_s': agents.modality_age_s,
        'history': _track(scene.history, origin),
        'history_valid': np.packbits(scene.history.valid),
        'ego': np.array(
            [
                *ego.velocity_mps,
                ego.yaw_rate_radps,
                *ego.size_m,
                ego.centre_offset_m,
                float(ego.present),
            ]
        ),
        'ego_pose': np.vstack([ego.map_from_base.rotation, ego.map_from_base.translation_m]),
        'ego_history': ego_track,
        'ego_history_valid': np.packbits(
            np.zeros((0, steps), bool) if past is None else past.valid
        ),
        'light': np.column_stack([lights.group_id, lights.colour, lights.shape, lights.stamp_ns]),
        'light_confidence': lights.confidence,
        'label': sample.label,
        'future': np.concatenate(
            [
                np.where(sample.future_valid[..., None], sample.future_m - origin[:2], 0.0),
                sample.future_yaw_rad[..., None],
            ],
            axis=-1,
        ),
        'future_valid': np.packbits(sample.future_valid),
        'ego_future': np.column_stack([ego_xy, sample.ego_future[:, 2:]]),
        'ego_future_valid': np.packbits(sample.ego_future_valid),
    }
    return {name: np.asarray(values[name], dtype=kind) for name, kind in ENTRIES.items()}


def from_arrays(
    arrays: Mapping[str, np.ndarray],
    lane_map: LaneMap | None,
    recording: str,
    group: str,
    origin: str,
) -> Sample:
    """The sample that `to_arrays` took apart. Raises ValueError naming the entry that is wrong."""
    for name, kind in ENTRIES.items():
        if name not in arrays:
            raise ValueError(f'entry {name} is missing')
        if arrays[name].dtype != np.dtype(kind):
            raise ValueError(f'entry {name} must be {kind}, got {arrays[name].dtype.str}')
    stamp_ns, base = int(arrays['stamp_ns']), arrays['origin_m']
    motion = arrays['motion'].astype(np.float64)
    n = len(motion)
    agents = Agents(
        stamp_ns=stamp_ns,
        uuid=arrays['uuid'].copy(),
        position_m=arrays['position_m'] + base,
        yaw_rad=motion[:, 0].copy(),
        velocity_mps=motion[:, 1:3].copy(),
        yaw_rate_radps=motion[:, 3].copy(),
        acceleration_mps2=motion[:, 4].copy(),
        has_attribute=_bits(arrays['has_attribute'], (n, ATTRIBUTE_COUNT)),
        **{
            name: arrays[name].astype(np.float64)
            for name in (
                *('covariance', 'size_m', 'class_probabilities', 'existence'),
                *('attributes', 'modality_age_s'),
            )
        },
    )
    ego = arrays['ego']
    pose = arrays['ego_pose']
    past = _history(arrays['ego_history'], arrays['ego_history_valid'], base)
    light = arrays['light']
    future_valid = _bits(arrays['future_valid'], (n, FUTURE_STEPS))
    future = arrays['future'].astype(np.float64)
    ego_valid = _bits(arrays['ego_future_valid'], (FUTURE_STEPS,))
    ego_future = arrays['ego_future'].astype(np.float64)
    ego_future[:, :2] += np.where(ego_valid[:, None], base[:2], 0.0)
    return Sample(
        scene=Scene(
            stamp_ns=stamp_ns,
            agents=agents,
            history=_history(arrays['history'], arrays['history_valid'], base),
            ego=Ego(
                stamp_ns=stamp_ns,
                map_from_base=Transform(pose[:3].copy(), pose[3].copy()),
                velocity_mps=ego[:2].copy(),
                yaw_rate_radps=float(ego[2]),
                size_m=ego[3:6].copy(),
                centre_offset_m=float(ego[6]),
                present=bool(ego[7]),
            ),
            lane_map=lane_map,
            lights=LightStates(
                group_id=light[:, 0].copy(),
                colour=light[:, 1].astype(np.int8),
                shape=light[:, 2].astype(np.int8),
                confidence=arrays['light_confidence'].astype(np.float64),
                stamp_ns=light[:, 3].copy(),
            ),
            ego_history=past if len(past.valid) else None,
        ),
        label=arrays['label'].copy(),
        future_m=future[..., :2] + np.where(future_valid[..., None], base[:2], 0.0),
        future_yaw_rad=future[..., 2].copy(),
        future_valid=future_valid,
        ego_future=ego_future,
        ego_future_valid=ego_valid,
        recording=recording,
        group=group,
        origin=origin,
    )


def _track(history: History, origin: np.ndarray) -> np.ndarray:
    """(N, T, 5); what is not known is 0."""
    values = np.concatenate(
        [history.position_m - origin[:2], history.yaw_rad[..., None], history.velocity_mps], axis=-1
    )
    return np.where(history.valid[..., None], values, 0.0)


def _history(values: np.ndarray, packed: np.ndarray, origin: np.ndarray) -> History:
    valid = _bits(packed, values.shape[:2])
    values = values.astype(np.float64)
    return History(
        position_m=values[..., :2] + np.where(valid[..., None], origin[:2], 0.0),
        yaw_rad=values[..., 2].copy(),
        velocity_mps=values[..., 3:].copy(),
        valid=valid,
    )


def _bits(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).astype(bool).reshape(shape)
