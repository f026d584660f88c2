"""Where sensors are."""

from __future__ import annotations

import math

import numpy as np

from prediction_node.domain.cast import Cast
from prediction_node.domain.frames import Transform
from prediction_node.domain.interpolation import Snapshot
from prediction_node.simulation.sensors.parameters import SensorParameters


def mount_of(sensor: SensorParameters) -> Transform:
    """base_from_sensor."""
    return Transform.from_xyz_yaw(
        np.array([sensor.x_m, sensor.y_m, sensor.z_m]), float(np.deg2rad(sensor.yaw_deg))
    )


def base_pose(truth: Snapshot, cast: Cast, centre_offset_m: float) -> Transform | None:
    """map_from_base of the robotaxi: on the ground, behind its middle; None if it is not there."""
    at = np.flatnonzero(truth.row == cast.ego)
    if not len(at):
        return None
    i = int(at[0])
    yaw = float(truth.yaw_rad[i])
    x, y, z = truth.position_m[i].tolist()
    height_m = float(cast.size_m[truth.row[i], 2])
    base = (
        x - centre_offset_m * math.cos(yaw),
        y - centre_offset_m * math.sin(yaw),
        z - 0.5 * height_m,
    )
    return Transform.from_xyz_yaw(np.array(base), yaw)
