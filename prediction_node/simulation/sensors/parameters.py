"""Sensor figures, with defaults by modality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import MODALITY_NAMES, Modality
from prediction_node.domain.parameter import check, parameter

MAX_SENSORS = 64


@dataclass(frozen=True, slots=True)
class SensorParameters:
    """One sensor: where it sits, what it reaches, how well it measures."""

    modality: str = parameter('camera', 'Physical principle.', choices=MODALITY_NAMES)
    topic: str = parameter('', 'Where its messages go; empty: /perception/<modality>/tracks.')
    frame: str = parameter('', 'Its coordinate frame; empty: the name of the sensor.')
    x_m: float = parameter(0.0, 'Mount ahead of base_link.', unit='m', low=-20.0, high=20.0)
    y_m: float = parameter(0.0, 'Mount left of base_link.', unit='m', low=-20.0, high=20.0)
    z_m: float = parameter(1.8, 'Mount above base_link.', unit='m', low=0.0, high=10.0)
    yaw_deg: float = parameter(
        0.0, 'Direction of view, counter-clockwise from ahead.', unit='deg', low=-360.0, high=360.0
    )
    field_of_view_deg: float = parameter(
        360.0, 'Width of the horizontal field of view.', unit='deg', low=1.0, high=360.0
    )
    range_m: float = parameter(
        120.0, 'Farthest centre of an object it reports.', unit='m', low=1.0, high=1000.0
    )
    night_range_factor: float = parameter(
        1.0, 'Share of the range that is left at night.', low=0.0, high=1.0
    )
    rate_hz: float = parameter(10.0, 'Scans per second.', unit='Hz', low=0.1, high=200.0)
    latency_ms: float = parameter(
        0.0, 'From the stamp to the arrival of a message.', unit='ms', low=0.0, high=5000.0
    )
    latency_jitter_ms: float = parameter(
        0.0, 'Greatest addition to the latency, uniform.', unit='ms', low=0.0, high=5000.0
    )
    sigma_along_m: float = parameter(
        0.0, 'Position noise along the line of sight, fixed part.', unit='m', low=0.0, high=100.0
    )
    sigma_along_fraction: float = parameter(
        0.0, 'Position noise along the line of sight, share of the range.', low=0.0, high=1.0
    )
    sigma_across_m: float = parameter(
        0.0, 'Position noise across the line of sight, fixed part.', unit='m', low=0.0, high=100.0
    )
    sigma_across_deg: float = parameter(
        0.0, 'Noise of the bearing.', unit='deg', low=0.0, high=45.0
    )
    sigma_height_m: float = parameter(
        0.1, 'Noise of the height of the centre.', unit='m', low=0.0, high=10.0
    )
    sigma_yaw_deg: float = parameter(
        0.0, 'Noise of the heading of an object; 0: not measured.', unit='deg', low=0.0, high=180.0
    )
    sigma_size_fraction: float = parameter(
        0.0, 'Noise of length, width and height, share of each; 0: not measured.', low=0.0, high=1.0
    )
    sigma_speed_along_mps: float = parameter(
        0.0,
        'Noise of the velocity over ground along the line of sight; 0: not measured.',
        unit='m/s',
        low=0.0,
        high=50.0,
    )
    sigma_speed_across_mps: float = parameter(
        0.0,
        'Noise of the velocity over ground across the line of sight; 0: not measured.',
        unit='m/s',
        low=0.0,
        high=50.0,
    )
    dropout: float = parameter(
        0.0, 'Probability that an object in view is missing from a scan.', low=0.0, high=1.0
    )
    class_right: float = parameter(
        0.0, 'Probability that the reported class is the true one; 0: no class.', low=0.0, high=1.0
    )
    existence: float = parameter(
        0.95, 'Existence probability it claims for what it reports.', low=0.0, high=1.0
    )
    attribute_range_m: float = parameter(
        0.0, 'Attributes are recognised up to here; 0: never.', unit='m', low=0.0, high=1000.0
    )
    attribute_right: float = parameter(
        0.95, 'Probability that a recognised attribute is the true one.', low=0.5, high=1.0
    )
    warm_bodies_only: bool = parameter(
        False, 'Reports walkers, animals, cyclists and running engines only.'
    )
    id_memory_s: float = parameter(
        1.0,
        'An object missing for longer comes back under a new id.',
        unit='s',
        low=0.0,
        high=60.0,
    )
    id_switch: float = parameter(
        0.0, 'Probability that an object changes its id between two scans.', low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def kind(self) -> Modality:
        return Modality(MODALITY_NAMES.index(self.modality))


# The figures of the four modalities; what a data sheet leaves open is chosen as follows.
# LiDAR: a filter with constant velocity and 2 m/s2 of manoeuvre noise, fed 0.10 m at 10 Hz, settles
# at 0.33 m/s of velocity noise, in either direction: 0.3. Radar: the speed along the line of sight
# is measured (Doppler); the one across follows from bearings alone. The same filter would settle
# near 0.5 m/s at 60 m, but reflections wander over a body for seconds, which no filter averages
# out: 1.5. Sizes: a tenth, for cameras, which see one side, a fifth. Attributes need pixels: up to
# 50 m.
_MODALITY_DEFAULTS: dict[Modality, dict[str, Any]] = {
    Modality.CAMERA: {
        'x_m': 1.4,
        'z_m': 1.7,
        'range_m': 120.0,
        'night_range_factor': 0.5,
        'rate_hz': 10.0,
        'latency_ms': 90.0,
        'sigma_along_fraction': 0.03,
        'sigma_across_deg': 0.3,
        'sigma_size_fraction': 0.2,
        'dropout': 0.08,
        'class_right': 0.95,
        'attribute_range_m': 50.0,
    },
    Modality.LIDAR: {
        'x_m': 1.4,
        'z_m': 1.9,
        'range_m': 100.0,
        'rate_hz': 10.0,
        'latency_ms': 60.0,
        'sigma_along_m': 0.10,
        'sigma_across_m': 0.10,
        'sigma_yaw_deg': 3.0,
        'sigma_size_fraction': 0.1,
        'sigma_speed_along_mps': 0.3,
        'sigma_speed_across_mps': 0.3,
        'dropout': 0.03,
        'class_right': 0.85,
    },
    Modality.RADAR: {
        'x_m': 1.4,
        'z_m': 0.6,
        'range_m': 180.0,
        'rate_hz': 15.0,
        'latency_ms': 40.0,
        'sigma_along_m': 0.5,
        'sigma_across_deg': 0.8,
        'sigma_speed_along_mps': 0.15,
        'sigma_speed_across_mps': 1.5,
        'dropout': 0.10,
    },
    Modality.THERMAL: {
        'x_m': 1.4,
        'z_m': 1.7,
        'range_m': 80.0,
        'rate_hz': 10.0,
        'latency_ms': 90.0,
        'sigma_along_fraction': 0.05,
        'sigma_across_deg': 0.3,
        'sigma_size_fraction': 0.2,
        'dropout': 0.08,
        'class_right': 0.95,
        'warm_bodies_only': True,
    },
}


def default_sensor(modality: Modality, **changes: Any) -> SensorParameters:
    """The figures of a modality with some of them changed. Raises ParameterError."""
    return SensorParameters(
        **{'modality': MODALITY_NAMES[modality], **_MODALITY_DEFAULTS[modality], **changes}
    )


@dataclass(frozen=True, slots=True)
class SuiteParameters:
    """All sensors of a vehicle and the world they look at."""

    night: bool = parameter(False, 'It is dark.')
    occlusion: bool = parameter(True, 'Nearer bodies hide farther ones.')
    hidden_fraction: float = parameter(
        0.7, 'A body is missed when more than this share of its width is hidden.', low=0.0, high=1.0
    )
    centre_offset_m: float = parameter(
        1.4,
        'How far the middle of the vehicle lies ahead of base_link.',
        unit='m',
        low=-10.0,
        high=10.0,
    )
    odometry_rate_hz: float = parameter(
        100.0, 'Odometry messages per second.', unit='Hz', low=1.0, high=1000.0
    )
    odometry_sigma_m: float = parameter(
        0.02, 'Noise of the odometry position, each axis.', unit='m', low=0.0, high=10.0
    )
    odometry_sigma_yaw_deg: float = parameter(
        0.1, 'Noise of the odometry heading.', unit='deg', low=0.0, high=45.0
    )
    odometry_sigma_speed_mps: float = parameter(
        0.05, 'Noise of the odometry speed.', unit='m/s', low=0.0, high=10.0
    )
    odometry_latency_ms: float = parameter(
        5.0, 'From the stamp to the arrival of odometry.', unit='ms', low=0.0, high=1000.0
    )
    signals_latency_ms: float = parameter(
        50.0, 'From the stamp to the arrival of signal states.', unit='ms', low=0.0, high=5000.0
    )
    sensors: Mapping[str, SensorParameters] = dataclasses.field(
        default_factory=lambda: {
            name: default_sensor(Modality(k)) for k, name in enumerate(MODALITY_NAMES)
        }
    )

    def __post_init__(self) -> None:
        check(self)
        if len(self.sensors) > MAX_SENSORS:
            raise ParameterError(f'sensors must be at most {MAX_SENSORS}, got {len(self.sensors)}')


def topic_of(name: str, sensor: SensorParameters) -> str:
    return sensor.topic or f'/perception/{sensor.modality}/tracks'


def frame_of(name: str, sensor: SensorParameters) -> str:
    return sensor.frame or name
