"""Whether a scene may look the same twice: what tells a frozen sensor from a red light."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.message_arrays import Detection3DArrayArrays, RadarTracksArrays
from prediction_node.observation.capacity import SensorArrays
from prediction_node.observation.ego_motion import EgoMotion
from prediction_node.observation.parameters import ObservationParameters, SourceParameters

STANDING_MPS = 0.1  # and rad/s


def may_stand_still(
    arrays: SensorArrays,
    source: SourceParameters,
    ego: EgoMotion | None,
    parameters: ObservationParameters,
) -> bool:
    """Whether the same positions may rightly come again: sensor and all it sees stand still."""
    frame_id = source.frame or arrays.frame_id
    if frame_id != parameters.map_frame:
        if ego is None:
            return True
        motion = np.concatenate([ego.velocity_mps, ego.turn_rate_radps])
        if np.any(np.abs(motion) > STANDING_MPS):
            return False
    if isinstance(arrays, Detection3DArrayArrays):
        return False
    velocity = arrays.velocity if isinstance(arrays, RadarTracksArrays) else arrays.twist_linear
    return not np.any(np.abs(velocity) > STANDING_MPS)
