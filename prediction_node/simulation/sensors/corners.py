"""Sixteen sensors: one of each modality at each upper corner of the vehicle."""

from __future__ import annotations

from typing import Any

from prediction_node.domain.kinds import MODALITY_NAMES, Modality
from prediction_node.simulation.sensors.parameters import (
    SensorParameters,
    SuiteParameters,
    default_sensor,
)

# Of a car 4.6 m long and 1.9 m wide whose middle lies 1.4 m ahead of base_link: metres ahead and to
# the left, and the direction of view, outwards.
CORNERS = {
    'front_left': (3.3, 0.8, 45.0),
    'front_right': (3.3, -0.8, -45.0),
    'rear_left': (-0.5, 0.8, 135.0),
    'rear_right': (-0.5, -0.8, -135.0),
}
HEIGHT_M = 1.6
# Two neighbours of w degrees, d metres apart, leave a blind triangle between them that is
# d / 2 / tan((w - 90) / 2) deep. 100 degrees would hide a car that waits 10 m ahead in the same
# queue, and a walker beside the doors: wide-angle lenses have 120, corner radars 150, and a
# spinning LiDAR at a corner loses to the body no more than half of its turn.
FIELD_OF_VIEW_DEG = {
    Modality.CAMERA: 120.0,
    Modality.LIDAR: 180.0,
    Modality.RADAR: 150.0,
    Modality.THERMAL: 120.0,
}


def corner_suite(**changes: Any) -> SuiteParameters:
    """`camera_front_left` to `thermal_rear_right`, each with a topic of its own.

    Neighbours' fields of view overlap. `changes` are figures that all sixteen get; what they leave
    open is that of the modality. Raises ParameterError.
    """
    return SuiteParameters(
        sensors={
            f'{MODALITY_NAMES[modality]}_{corner}': _at_corner(modality, corner, changes)
            for modality in Modality
            for corner in CORNERS
        }
    )


def _at_corner(modality: Modality, corner: str, changes: dict[str, Any]) -> SensorParameters:
    x_m, y_m, yaw_deg = CORNERS[corner]
    figures = {
        'topic': f'/perception/{MODALITY_NAMES[modality]}/{corner}/tracks',
        'x_m': x_m,
        'y_m': y_m,
        'z_m': HEIGHT_M,
        'yaw_deg': yaw_deg,
        'field_of_view_deg': FIELD_OF_VIEW_DEG[modality],
        **changes,
    }
    return default_sensor(modality, **figures)
