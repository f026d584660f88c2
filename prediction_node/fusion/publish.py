"""From the table of tracks to the agents that the rest of the system sees."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import MODALITY_COUNT
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.fusion.attributes import published_attributes
from prediction_node.fusion.belief import believed
from prediction_node.fusion.kernels import publish as kernel
from prediction_node.fusion.predict import predict
from prediction_node.fusion.size import published_size
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import (
    ACCELERATION,
    NEVER_NS,
    VX,
    VY,
    YAW_RATE,
    TrackTable,
    X,
    Y,
)


def publish(
    tracks: TrackTable,
    source_modality: np.ndarray,
    origin_m: np.ndarray,
    tracks_ns: int,
    stamp_ns: int,
    tables: Tables,
) -> Agents:
    """Agents at `stamp_ns`: the confirmed tracks (at `tracks_ns`) that were seen lately."""
    coast_ns = nanoseconds(tables.parameters.coast_s)
    shown = tracks.picked(
        np.flatnonzero(tracks.confirmed & (stamp_ns - tracks.seen_ns <= coast_ns))
    )
    belief = believed(shown, tables)
    dt_s = np.full(len(shown), seconds(stamp_ns - tracks_ns))
    predict(shown, belief.noise, dt_s, tables.parameters)
    yaw, covariance = kernel.seen_covariances(
        shown.mean, shown.independent, shown.shared, shown.has_heading
    )
    attributes, has_attribute = published_attributes(shown.attribute, shown.attribute_weight)
    return Agents(
        stamp_ns=stamp_ns,
        uuid=shown.uuid,
        position_m=np.column_stack(
            [shown.mean[:, X] + origin_m[0], shown.mean[:, Y] + origin_m[1], shown.height_m[:, 0]]
        ),
        yaw_rad=yaw,
        velocity_mps=shown.mean[:, VX : VY + 1].copy(),
        yaw_rate_radps=shown.mean[:, YAW_RATE].copy(),
        acceleration_mps2=shown.mean[:, ACCELERATION].copy(),
        covariance=covariance,
        size_m=published_size(shown.size_m, shown.size_weight, belief.class_probabilities),
        class_probabilities=belief.class_probabilities,
        existence=1.0 / (1.0 + np.exp(-shown.log_odds)),
        attributes=attributes,
        has_attribute=has_attribute,
        modality_age_s=kernel.modality_ages(
            shown.source_seen_ns, source_modality, MODALITY_COUNT, stamp_ns, NEVER_NS
        ),
    )
