"""From the table of tracks to the agents that the rest of the system sees."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import MODALITY_COUNT
from prediction_node.domain.stamps import NS_PER_S, nanoseconds, seconds
from prediction_node.fusion.attributes import published_attributes
from prediction_node.fusion.classes import class_probabilities
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import (
    LONGEST_STEP_S,
    MotionNoise,
    moved,
    predict,
    process_noise,
)
from prediction_node.fusion.size import published_size
from prediction_node.fusion.tracks import (
    ACCELERATION,
    NEVER_NS,
    STATE_COUNT,
    VX,
    VY,
    YAW,
    YAW_RATE,
    TrackTable,
    X,
    Y,
)


def publish(
    tracks: TrackTable,
    noise: MotionNoise,
    source_modality: np.ndarray,
    origin_m: np.ndarray,
    tracks_ns: int,
    stamp_ns: int,
    parameters: FusionParameters,
) -> Agents:
    """Agents at `stamp_ns`: the confirmed tracks (at `tracks_ns`) that were seen lately."""
    mean, covariance = extrapolated(tracks, noise, seconds(stamp_ns - tracks_ns), parameters)
    shown = tracks.confirmed & (stamp_ns - tracks.seen_ns <= nanoseconds(parameters.coast_s))
    if not shown.all():
        tracks, mean, covariance = tracks.picked(shown), mean[shown], covariance[shown]
    probabilities = class_probabilities(tracks.class_evidence)
    # Without a heading the direction of motion is the best guess of it, and open as its variance
    # says.
    headless = ~tracks.has_heading
    yaw = np.where(headless, np.arctan2(mean[:, VY], mean[:, VX]), mean[:, YAW])
    attributes, has_attribute = published_attributes(tracks.attribute, tracks.attribute_weight)
    return Agents(
        stamp_ns=stamp_ns,
        uuid=tracks.uuid.copy(),
        position_m=np.column_stack(
            [mean[:, X] + origin_m[0], mean[:, Y] + origin_m[1], tracks.height_m[:, 0]]
        ),
        yaw_rad=yaw,
        velocity_mps=mean[:, VX : VY + 1].copy(),
        yaw_rate_radps=mean[:, YAW_RATE].copy(),
        acceleration_mps2=mean[:, ACCELERATION].copy(),
        covariance=_covariance(mean, covariance, yaw),
        size_m=published_size(tracks.size_m, tracks.size_weight, probabilities),
        class_probabilities=probabilities,
        existence=1.0 / (1.0 + np.exp(-tracks.log_odds)),
        attributes=attributes,
        has_attribute=has_attribute,
        modality_age_s=_modality_age_s(tracks, source_modality, stamp_ns),
    )


def extrapolated(
    tracks: TrackTable, noise: MotionNoise, dt_s: float, parameters: FusionParameters
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (N, 7) and covariance (N, 7, 7) after dt_s, or before; less certain either way."""
    if dt_s > LONGEST_STEP_S:
        mean, independent, shared = predict(tracks, noise, dt_s, parameters)
        return mean, independent + shared
    mean, jacobian = moved(tracks.mean, dt_s, parameters)
    added = process_noise(noise, tracks.mean, dt_s, parameters)
    return mean, jacobian @ tracks.covariance @ jacobian.swapaxes(1, 2) + added


def _covariance(mean: np.ndarray, covariance: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """(N, 5, 5) of x, y, yaw, speed along heading, yaw rate."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    jacobian = np.zeros((len(mean), 5, STATE_COUNT))
    jacobian[:, 0, X] = jacobian[:, 1, Y] = jacobian[:, 2, YAW] = jacobian[:, 4, YAW_RATE] = 1.0
    jacobian[:, 3, VX] = cos
    jacobian[:, 3, VY] = sin
    jacobian[:, 3, YAW] = mean[:, VY] * cos - mean[:, VX] * sin
    out: np.ndarray = jacobian @ covariance @ jacobian.swapaxes(1, 2)
    return out


def _modality_age_s(tracks: TrackTable, source_modality: np.ndarray, stamp_ns: int) -> np.ndarray:
    """(N, MODALITY_COUNT) seconds since each modality saw the track, inf if it never did."""
    age = np.full((len(tracks), MODALITY_COUNT), np.inf)
    for modality in range(MODALITY_COUNT):
        of_it = tracks.source_seen_ns[:, source_modality == modality]
        newest = of_it.max(axis=1, initial=NEVER_NS)
        seen = newest > NEVER_NS
        age[seen, modality] = np.maximum(stamp_ns - newest[seen], 0) / NS_PER_S
    return age
