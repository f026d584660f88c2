"""Motion: coordinated turn with an acceleration along the heading, noise by class.

State [x, y, vx, vy, a, yaw, w]: velocity turns with the yaw rate w, so does the heading; a decays
(a Singer model along the heading, R. A. Singer, IEEE AES-6(4), 1970) and so does w, at once where
the body stands: a stopped car does not spin. Bodies that may step anywhere have no a and no w worth
speaking of and drift isotropically instead. Velocity in map axes keeps the model linear where it
matters most: at standstill and before any heading is known. The loops are in kernels/motion.py.
"""

from __future__ import annotations

import numpy as np

from prediction_node.fusion.kernels import belief, motion
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.tracks import TrackTable

_SMALLEST = 1e-8  # stands for a variance of zero


def motion_table(parameters: FusionParameters) -> np.ndarray:
    """(CLASS_COUNT, 7) log variances by class: the columns that `motion_noise` mixes."""
    table = np.column_stack(
        [
            np.square(parameters.acceleration_sigma_mps2),
            np.square(parameters.drift_mps),
            np.square(parameters.headless_drift_mps),
            np.square(parameters.yaw_rate_drift_radps),
            np.square(parameters.yaw_drift_rad),
            np.square(parameters.slip_sigma_mps),
            np.square(parameters.axle_fraction),
        ]
    )
    logarithms: np.ndarray = np.log(np.maximum(table, _SMALLEST))
    return logarithms


def motion_noise(
    table: np.ndarray, class_probabilities: np.ndarray, has_heading: np.ndarray
) -> np.ndarray:
    """(N, 6) process noise and body model, expected over class probabilities (N, CLASS_COUNT).

    Columns: variance of the acceleration (m/s^2)^2 of the Singer process, drift m^2/s^3, drift of
    the yaw rate rad^2/s^3, drift of the yaw rad^2/s, variance of the slip m^2/s^2, and the part of
    the length that the unsteered axle lies behind the centre. Without a heading only drift is left.

    The mean of the rows of `motion_table` is geometric: a remainder of doubt whether a parked car
    is a pedestrian must not let it turn like one.
    """
    noise: np.ndarray = belief.motion_noise(table, class_probabilities, has_heading)
    return noise


def predict(
    tracks: TrackTable, noise: np.ndarray, dt_s: np.ndarray, parameters: FusionParameters
) -> None:
    """Move means and covariances of all tracks by dt_s (N,), in place.

    Times may be negative, and make everything less certain all the same. Noise of the motion
    belongs to the independent part: no sensor repeats it.
    """
    motion.advance(
        tracks.mean,
        tracks.independent,
        tracks.shared,
        noise,
        dt_s,
        parameters.acceleration_memory_s,
        parameters.yaw_rate_memory_s,
    )
