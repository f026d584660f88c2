"""Tracks from the frames of their messages into the map, each at its message's own stamp.

All messages of a release go through one set of array operations: K messages, N objects together.
Every object is turned by itself, so that its result does not depend on what else has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.frames import direction_rad
from prediction_node.domain.observations import SensorTracks
from prediction_node.observation.judging import Judge
from prediction_node.observation.parameters import ObservationParameters
from prediction_node.observation.reasons import Reason
from prediction_node.observation.turning import (
    POSITION_PASSED,
    SPEED_PASSED,
    VELOCITY_COVARIANCE_PASSED,
    turned,
)
from prediction_node.observation.viewpoint import Seen, circumstances


def to_map(
    messages: Sequence[Seen], parameters: ObservationParameters
) -> list[tuple[SensorTracks, Counter[Reason]]]:
    """Turn and move tracks into the map, and count for each message the objects that are refused.

    Velocities relative to the sensor become velocities over ground: that of the sensor itself,
    which is the ego's plus yaw rate times lever arm, is added. The ego's own uncertainty is added
    where the odometry gives it. Refused are position covariances which are singular in the map
    plane, and speeds over ground beyond the bound.
    """
    if not messages:
        return []
    tracks = [message.tracks for message in messages]
    orientation = np.concatenate([one.orientation for one in tracks])
    (
        position,
        position_covariance,
        heading,
        yaw_variance,
        velocity,
        velocity_covariance,
        rate,
        ok,
    ) = turned(
        np.repeat(np.arange(len(tracks)), [len(one) for one in tracks]),
        np.array([message.view.map_from_frame.rotation for message in messages]),
        np.array([message.view.map_from_frame.translation_m for message in messages]),
        np.array([circumstances(message) for message in messages]),
        np.concatenate([one.vectors for one in tracks]),
        np.concatenate([one.covariances for one in tracks]),
        np.concatenate([one.has_covariance for one in tracks]),
        np.concatenate([one.has_velocity for one in tracks]),
        orientation,
        parameters.min_sigma_m**2,
        parameters.min_sigma_mps**2,
        parameters.max_speed_mps,
    )
    in_map = {
        'position_m': position,
        'position_covariance': position_covariance,
        'orientation': orientation,
        'yaw_rad': direction_rad(heading),
        'yaw_variance': yaw_variance,
        'velocity_mps': velocity,
        'velocity_covariance': velocity_covariance,
        'yaw_rate_radps': rate,
    }
    verdicts = (
        (ok[:, POSITION_PASSED], Reason.POSITION_COVARIANCE),
        (ok[:, VELOCITY_COVARIANCE_PASSED], Reason.VELOCITY_COVARIANCE),
        (ok[:, SPEED_PASSED], Reason.VELOCITY),
    )
    clean = ok.all()
    out, end = [], 0
    for message in messages:
        rows = slice(end, end := end + len(message.tracks))
        in_map_frame = _joined(message, {n: v[rows] for n, v in in_map.items()}, parameters)
        refused: Counter[Reason] = Counter()
        if not clean:
            judge = Judge(len(in_map_frame))
            for passed, reason in verdicts:
                judge.require(passed[rows], reason)
            refused = judge.refused
            if refused:
                in_map_frame = in_map_frame.select(judge.good)
        out.append((in_map_frame, refused))
    return out


def _joined(
    message: Seen, in_map: dict[str, np.ndarray], parameters: ObservationParameters
) -> SensorTracks:
    """The observation of one message: what was turned into the map, and what stays as it is."""
    tracks = message.tracks
    return SensorTracks(
        source=tracks.source,
        modality=message.source.modality_kind,
        stamp_ns=tracks.stamp_ns,
        frame_id=parameters.map_frame,
        id_hash=tracks.id_hash,
        has_id=tracks.has_id,
        has_velocity=tracks.has_velocity,
        has_yaw_rate=tracks.has_turn_rate,
        has_size=tracks.has_size,
        size_m=tracks.size_m,
        has_class=tracks.has_class,
        class_probabilities=tracks.class_probabilities,
        existence=tracks.existence,
        attributes=tracks.attributes,
        has_attribute=tracks.has_attribute,
        **in_map,
    )
