"""Tunable numbers of the observation stage, and the description of a source."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import CLASS_NAMES, MODALITY_NAMES, Modality, ObjectClass
from prediction_node.domain.parameter import check, parameter

TRACKED_OBJECTS = 'autoware_perception_msgs/msg/TrackedObjects'
DETECTIONS = 'vision_msgs/msg/Detection3DArray'
RADAR_TRACKS = 'radar_msgs/msg/RadarTracks'
SOURCE_TYPES = (TRACKED_OBJECTS, DETECTIONS, RADAR_TRACKS)


@dataclass(frozen=True, slots=True)
class ObservationParameters:
    """Frames, time rules, buffer lengths and bounds of plausible values."""

    map_frame: str = parameter('map', 'Name of the fixed frame.', fixed_after_configure=True)
    base_frame: str = parameter(
        'base_link', 'Name of the frame fixed to the robotaxi.', fixed_after_configure=True
    )
    # time
    max_age_s: float = parameter(
        0.5, 'Sensor messages with stamps older than this are refused.', unit='s', low=0.05, high=5
    )
    future_tolerance_s: float = parameter(
        0.1,
        'Stamps may be ahead of the scene by this much; such messages wait until it is there.',
        unit='s',
        low=0.0,
        high=1.0,
    )
    other_clock_s: float = parameter(
        10.0, 'Beyond this a stamp is taken as one of another clock.', unit='s', low=1, high=1e6
    )
    jump_threshold_s: float = parameter(
        0.3,
        'Steps of the odometry clock up to this are ridden out without a reset.',
        unit='s',
        low=0.15,
        high=5.0,
    )
    max_coasting_s: float = parameter(
        1.0, 'Longest time without odometry before the ego is lost.', unit='s', low=0.1, high=1.0
    )
    light_max_age_s: float = parameter(
        2.0, 'Traffic-light states older than this are forgotten.', unit='s', low=0.1, high=60
    )
    # buffers
    inbox_messages: int = parameter(
        16, 'Messages kept per source between two releases.', low=1, high=1000
    )
    odometry_messages: int = parameter(
        500, 'Odometry messages kept for interpolation.', low=4, high=10_000
    )
    odometry_gap_s: float = parameter(
        1.0, 'Longest gap between two odometry messages to interpolate.', unit='s', low=0.05, high=5
    )
    odometry_edge_s: float = parameter(
        0.2,
        'The motion is carried this far before the first odometry and into a gap.',
        unit='s',
        low=0.0,
        high=1.0,
    )
    coasting_sigma_mps2: float = parameter(
        1.5, 'Unknown acceleration of the robotaxi while coasting.', unit='m/s^2', low=0, high=10
    )
    coasting_sigma_radps2: float = parameter(
        0.3, 'Unknown change of its yaw rate while coasting.', unit='rad/s^2', low=0, high=10
    )
    transform_samples: int = parameter(
        200, 'Samples kept of each moving transform.', low=2, high=10_000
    )
    transform_frames: int = parameter(
        256, 'Frames kept; transforms to further ones are refused.', low=4, high=10_000
    )
    transform_gap_s: float = parameter(
        1.0, 'Longest gap between two samples to interpolate.', unit='s', low=0.05, high=60
    )
    transform_tolerance_s: float = parameter(
        0.2,
        'A moving transform is held this long beyond its first or last sample.',
        unit='s',
        low=0,
        high=5,
    )
    # bounds of plausible values
    max_objects: int = parameter(
        1024, 'Objects used of one message, the nearest first.', low=1, high=100_000
    )
    max_hypotheses: int = parameter(
        32, 'Hypotheses of one detection; a detection with more is refused.', low=1, high=1000
    )
    max_position_m: float = parameter(
        1e8, 'Coordinates beyond this are refused.', unit='m', low=1e3, high=1e9
    )
    max_speed_mps: float = parameter(
        100.0, 'Speeds over ground above this are refused.', unit='m/s', low=10, high=1000
    )
    max_yaw_rate_radps: float = parameter(
        20.0, 'Yaw rates above this are refused.', unit='rad/s', low=1, high=1000
    )
    max_size_m: float = parameter(
        100.0, 'Lengths, widths and heights above this are refused.', unit='m', low=10, high=1000
    )
    max_variance: float = parameter(
        1e10, 'Covariance entries above this are refused.', low=1e3, high=1e12
    )
    min_sigma_m: float = parameter(
        0.01,
        'Added to every position as noise, so that none is certain.',
        unit='m',
        low=1e-4,
        high=1,
    )
    min_sigma_mps: float = parameter(
        0.02, 'Added to every velocity as noise.', unit='m/s', low=1e-4, high=1
    )
    # health
    stuck_messages: int = parameter(
        3, 'Repetitions of the same content that make a source stuck; 0: never.', low=0, high=1000
    )
    delayed_s: float = parameter(
        0.3, 'A source whose stamps arrive this old is called delayed.', unit='s', low=0.05, high=5
    )
    # the robotaxi
    ego_length_m: float = parameter(4.9, 'Length of the robotaxi.', unit='m', low=0.5, high=30)
    ego_width_m: float = parameter(1.9, 'Width of the robotaxi.', unit='m', low=0.3, high=5)
    ego_height_m: float = parameter(1.7, 'Height of the robotaxi.', unit='m', low=0.3, high=6)
    ego_centre_offset_m: float = parameter(
        1.4, 'Centre of the robotaxi ahead of its base frame.', unit='m', low=-15, high=15
    )

    def __post_init__(self) -> None:
        check(self)
        for name in ('map_frame', 'base_frame'):
            if not getattr(self, name):
                raise ParameterError(f'{name} must name a frame, got an empty string')
        if self.map_frame == self.base_frame:
            raise ParameterError(f'map_frame and base_frame must differ, both are {self.map_frame}')


@dataclass(frozen=True, slots=True)
class SourceParameters:
    """One sensor's stream of tracks or detections. Any type may serve any modality."""

    name: str = parameter('', 'Name of the source in diagnostics.', fixed_after_configure=True)
    topic: str = parameter('', 'Topic that carries it.', fixed_after_configure=True)
    type: str = parameter(
        TRACKED_OBJECTS, 'Message type.', choices=SOURCE_TYPES, fixed_after_configure=True
    )
    modality: str = parameter(
        'lidar', 'Physical principle.', choices=MODALITY_NAMES, fixed_after_configure=True
    )
    frame: str = parameter(
        '', 'Frame to use in place of the one in the message; empty: the message decides.'
    )
    rate_hz: float = parameter(10.0, 'Expected rate.', unit='Hz', low=0.1, high=1000)
    velocity_reference: str = parameter(
        'over_ground',
        'Whether velocities are over ground or relative to the moving sensor.',
        choices=('over_ground', 'relative_to_sensor'),
    )
    class_map: tuple[str, ...] = parameter(
        (), 'Pairs theirs=ours that translate class names or numbers of this source.'
    )
    class_confidence: float = parameter(
        0.7, 'Probability of a class that comes as a bare number.', low=0.2, high=1.0
    )
    existence: float = parameter(
        0.9, 'Probability that a reported object exists, where the message has none.', low=0, high=1
    )
    orientation: str = parameter(
        'unavailable',
        'What the yaw of a type without such a field is worth when it comes without covariance.',
        choices=('unavailable', 'sign_unknown', 'available'),
    )
    # noise assumed where a message gives no covariance (all zero)
    range_sigma_m: float = parameter(
        0.1, 'Position noise along the line of sight, constant part.', unit='m', low=0, high=100
    )
    range_sigma_ratio: float = parameter(
        0.0, 'Position noise along the line of sight per metre of range.', low=0, high=1
    )
    bearing_sigma_rad: float = parameter(
        0.0, 'Direction noise; times range it is noise across.', unit='rad', low=0, high=1
    )
    cross_sigma_m: float = parameter(
        0.1, 'Position noise across the line of sight, constant part.', unit='m', low=0, high=100
    )
    velocity_sigma_mps: float = parameter(
        1.0, 'Velocity noise per axis.', unit='m/s', low=0.01, high=100
    )
    yaw_sigma_rad: float = parameter(0.1, 'Yaw noise.', unit='rad', low=1e-3, high=3.2)

    def __post_init__(self) -> None:
        check(self, f'sources.{self.name}.')
        if not self.name:
            raise ParameterError('a source must have a name, got an empty string')
        self.classes()

    @property
    def modality_kind(self) -> Modality:
        return Modality[self.modality.upper()]

    def speed_bound_mps(self, parameters: ObservationParameters) -> float:
        """Highest plausible speed in a message; relative ones reach twice that over ground."""
        relative = self.velocity_reference == 'relative_to_sensor'
        return parameters.max_speed_mps * (2.0 if relative else 1.0)

    def classes(self) -> dict[str, ObjectClass]:
        """What this source calls a class -> class. Raises ParameterError naming a bad pair."""
        known = {name: ObjectClass(i) for i, name in enumerate(CLASS_NAMES)}
        for pair in self.class_map:
            theirs, separator, ours = pair.rpartition('=')
            if not separator or not theirs or ours not in CLASS_NAMES:
                raise ParameterError(
                    f'sources.{self.name}.class_map must hold pairs theirs=ours with ours one of '
                    f'{", ".join(CLASS_NAMES)}, got {pair!r}'
                )
            known[theirs] = ObjectClass[ours.upper()]
        return known


@dataclass(frozen=True, slots=True)
class MountParameters:
    """Where a sensor frame sits, given by parameter; it has precedence over /tf_static."""

    frame: str = parameter('', 'Frame of the sensor.')
    parent: str = parameter('base_link', 'Frame it is fixed to.')
    x_m: float = parameter(0.0, 'Position ahead.', unit='m', low=-100, high=100)
    y_m: float = parameter(0.0, 'Position to the left.', unit='m', low=-100, high=100)
    z_m: float = parameter(0.0, 'Position above.', unit='m', low=-100, high=100)
    roll_rad: float = parameter(0.0, 'Turn about x, first.', unit='rad', low=-6.3, high=6.3)
    pitch_rad: float = parameter(0.0, 'Turn about y, second.', unit='rad', low=-6.3, high=6.3)
    yaw_rad: float = parameter(0.0, 'Turn about z, third.', unit='rad', low=-6.3, high=6.3)

    def __post_init__(self) -> None:
        check(self, f'mounts.{self.frame}.')
        if not self.frame or self.frame == self.parent:
            raise ParameterError(
                f'a mount needs a frame other than its parent {self.parent!r}, got {self.frame!r}'
            )


# Vendors' numbers start at 32000; this assignment is the one that Autoware's radar converter reads.
RADAR_CLASS_MAP = tuple(f'{32000 + i}={CLASS_NAMES[i]}' for i in range(ObjectClass.PEDESTRIAN + 1))

DEFAULT_SOURCES: tuple[SourceParameters, ...] = (
    SourceParameters(
        name='camera',
        topic='/perception/camera/tracks',
        type=DETECTIONS,
        modality='camera',
        range_sigma_m=0.2,
        range_sigma_ratio=0.03,
        bearing_sigma_rad=0.0052,  # 0.3 degrees
        existence=0.9,
    ),
    SourceParameters(
        name='thermal',
        topic='/perception/thermal/tracks',
        type=DETECTIONS,
        modality='thermal',
        range_sigma_m=0.2,
        range_sigma_ratio=0.05,
        bearing_sigma_rad=0.0052,
        existence=0.85,
    ),
    SourceParameters(
        name='lidar',
        topic='/perception/lidar/tracks',
        type=TRACKED_OBJECTS,
        modality='lidar',
        existence=0.95,
        yaw_sigma_rad=0.052,  # 3 degrees
    ),
    SourceParameters(
        name='radar',
        topic='/perception/radar/tracks',
        type=RADAR_TRACKS,
        modality='radar',
        rate_hz=15.0,
        class_map=RADAR_CLASS_MAP,
        range_sigma_m=0.5,
        bearing_sigma_rad=0.014,  # 0.8 degrees
        velocity_sigma_mps=0.5,
        existence=0.8,
    ),
)
