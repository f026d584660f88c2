"""Sensor figures, with defaults by modality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import MODALITY_NAMES, Modality
from prediction_node.domain.parameter import check, parameter
from prediction_node.simulation.sensors.modalities import MODALITY_FIGURES

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
    fog_reach: float = parameter(
        0.0,
        'Farthest it reaches in fog, as a multiple of the meteorological visibility; 0: fog does '
        'not matter.',
        low=0.0,
        high=10.0,
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
    false_alarms: float = parameter(
        0.0,
        'Objects per scan that are not there, on average; each in one scan only.',
        low=0.0,
        high=100.0,
    )
    ghosts_per_minute: float = parameter(
        0.0,
        'Births of objects that are not there but stay for a while at their place.',
        unit='1/min',
        low=0.0,
        high=6000.0,
    )
    ghost_lifetime_s: float = parameter(
        2.0, 'How long such an object stays, on average.', unit='s', low=0.01, high=600.0
    )
    clutter: float = parameter(
        0.0,
        'Echoes of buildings and rails per scan that it takes for objects, on average, while any '
        'of them is in view.',
        low=0.0,
        high=100.0,
    )

    def __post_init__(self) -> None:
        check(self)

    def reach_m(self, night: bool, visibility_m: float) -> float:
        """The range that darkness and fog leave."""
        reach_m = self.range_m * (self.night_range_factor if night else 1.0)
        return min(reach_m, self.fog_reach * visibility_m) if self.fog_reach else reach_m

    @property
    def kind(self) -> Modality:
        return Modality(MODALITY_NAMES.index(self.modality))


def default_sensor(modality: Modality, **changes: Any) -> SensorParameters:
    """The figures of a modality with some of them changed. Raises ParameterError."""
    return SensorParameters(
        **{'modality': MODALITY_NAMES[modality], **MODALITY_FIGURES[modality], **changes}
    )


@dataclass(frozen=True, slots=True)
class SuiteParameters:
    """All sensors of a vehicle and the world they look at."""

    night: bool = parameter(False, 'It is dark.')
    visibility_m: float = parameter(
        10_000.0,
        'Meteorological visibility: where fog leaves 5 % of the contrast. Below 1000 m it is '
        'called fog.',
        unit='m',
        low=1.0,
        high=100_000.0,
    )
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
