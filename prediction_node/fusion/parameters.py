"""Every number of fusion that a user may want to change.

Tuples of nine follow `kinds.ObjectClass` (unknown, car, truck, bus, trailer, motorcycle, bicycle,
pedestrian, animal); tuples of four follow `kinds.Modality` (camera, lidar, radar, thermal).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from prediction_node.domain import parameter as declared
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import CLASS_NAMES, MODALITY_NAMES
from prediction_node.domain.parameter import parameter

_BY_CLASS = f', for {", ".join(CLASS_NAMES)}.'
_BY_MODALITY = f', for {", ".join(MODALITY_NAMES)}.'


@dataclass(frozen=True)
class FusionParameters:
    """Parameters of `Fusion`. Raises ParameterError naming the first value out of its range."""

    # --- motion model
    acceleration_sigma_mps2: tuple[float, ...] = parameter(
        (1.5, 2.0, 1.5, 1.5, 1.5, 2.5, 1.2, 0.0, 0.0),
        'Usual acceleration along the heading' + _BY_CLASS,
        unit='m/s^2',
        low=0.0,
        high=20.0,
    )
    acceleration_memory_s: float = parameter(
        2.0, 'Time after which an acceleration is forgotten.', unit='s', low=0.1, high=20.0
    )
    drift_mps: tuple[float, ...] = parameter(
        (0.8, 0.3, 0.3, 0.3, 0.3, 0.4, 0.4, 0.6, 1.5),
        'Random change of velocity within a second, in any direction' + _BY_CLASS,
        unit='m/s',
        low=0.01,
        high=20.0,
    )
    headless_drift_mps: tuple[float, ...] = parameter(
        (1.5, 1.5, 1.2, 1.2, 1.2, 2.0, 1.2, 0.6, 1.5),
        'The same while the heading is not known yet' + _BY_CLASS,
        unit='m/s',
        low=0.01,
        high=20.0,
    )
    yaw_rate_drift_radps: tuple[float, ...] = parameter(
        (0.2, 0.18, 0.12, 0.12, 0.12, 0.25, 0.3, 0.0, 0.0),
        'Random change of the yaw rate within a second' + _BY_CLASS,
        unit='rad/s',
        low=0.0,
        high=10.0,
    )
    yaw_rate_memory_s: float = parameter(
        6.0, 'Time after which a moving body stops turning.', unit='s', low=0.1, high=60.0
    )
    yaw_drift_rad: tuple[float, ...] = parameter(
        (0.1, 0.02, 0.02, 0.02, 0.02, 0.03, 0.05, 1.0, 1.5),
        'Random change of heading within a second' + _BY_CLASS,
        unit='rad',
        low=0.0,
        high=10.0,
    )
    slip_sigma_mps: tuple[float, ...] = parameter(
        (0.5, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4, 0.5),
        'Usual speed across the heading' + _BY_CLASS,
        unit='m/s',
        low=0.01,
        high=10.0,
    )
    slip_memory_s: float = parameter(
        0.2, 'Time over which the sideways speed stays the same.', unit='s', low=0.01, high=10.0
    )
    axle_fraction: tuple[float, ...] = parameter(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        'Distance from box centre back to the unsteered axle as a part of the length' + _BY_CLASS,
        low=0.0,
        high=0.5,
    )
    unseen_speed_sigma_mps: tuple[float, ...] = parameter(
        (8.0, 10.0, 8.0, 8.0, 8.0, 10.0, 5.0, 1.5, 2.0),
        'Spread of the speeds of bodies seen once without a velocity' + _BY_CLASS,
        unit='m/s',
        low=0.1,
        high=60.0,
    )

    # --- association
    gate_probability_loss: float = parameter(
        1e-3, 'Share of right measurements that the gate may lose.', low=1e-9, high=0.2
    )
    gate_max_m: float = parameter(
        12.0, 'No measurement further than this from a track belongs to it.', unit='m', low=0.5
    )
    new_object_density_per_m2: float = parameter(
        3e-4,
        'New objects per square metre and message: what a match competes with.',
        unit='1/m^2',
        low=1e-8,
        high=1.0,
    )
    reference_scatter: tuple[float, ...] = parameter(
        (0.1, 0.1, 0.15, 0.1),
        'Scatter of the point a sensor reports, as a part of the length' + _BY_MODALITY,
        low=0.0,
        high=1.0,
    )
    class_weight: float = parameter(
        1.0, 'Weight of class compatibility in the association cost.', low=0.0, high=10.0
    )
    id_bonus: float = parameter(
        2.0, 'What an unchanged sensor-side id is worth, in squared sigmas.', low=0.0, high=20.0
    )

    # --- update
    shared_error: tuple[float, ...] = parameter(
        (0.0, 0.02, 0.02, 0.0),
        "Part of a report's variance that the same source repeats in its next report"
        + _BY_MODALITY,
        low=0.0,
        high=1.0,
    )
    extra_sigma_m: tuple[float, ...] = parameter(
        (0.1, 0.03, 0.1, 0.1),
        'Position noise beyond what reports say of themselves (calibration, time)' + _BY_MODALITY,
        unit='m',
        low=1e-3,
        high=10.0,
    )
    extra_sigma_mps: float = parameter(
        0.05,
        'Velocity noise beyond what reports say of themselves.',
        unit='m/s',
        low=1e-3,
        high=10.0,
    )
    extra_sigma_rad: float = parameter(
        0.01,
        'Heading noise beyond what reports say of themselves.',
        unit='rad',
        low=1e-4,
        high=1.0,
    )
    height_sigma_m: tuple[float, ...] = parameter(
        (0.5, 0.1, 3.0, 0.5),
        "Spread of the height of a report's centre" + _BY_MODALITY,
        unit='m',
        low=0.01,
        high=20.0,
    )
    late_limit_s: float = parameter(
        0.5,
        'Reports further than this from the asked instant are not used.',
        unit='s',
        low=0.05,
        high=5.0,
    )

    # --- birth and death
    existence_gain: tuple[float, ...] = parameter(
        (1.0, 1.6, 1.0, 0.9),
        'Log-odds of existence that one report adds' + _BY_MODALITY,
        low=0.0,
        high=10.0,
    )
    existence_loss: tuple[float, ...] = parameter(
        (0.3, 0.6, 0.24, 0.24),
        'Log-odds of existence lost when a source which saw the object just now reports it no more'
        + _BY_MODALITY,
        low=0.0,
        high=10.0,
    )
    miss_window_s: float = parameter(
        0.5, 'How long a silent source counts as looking.', unit='s', low=0.0, high=5.0
    )
    prior_log_odds: float = parameter(
        -1.0, 'Log-odds of existence before the first report.', low=-10.0, high=5.0
    )
    confirm_log_odds: float = parameter(
        1.7, 'Log-odds of existence from which a track is published.', low=-5.0, high=10.0
    )
    confirm_hits: int = parameter(2, 'Reports from which a track is published.', low=1, high=20)
    max_log_odds: float = parameter(
        5.0, 'Log-odds of existence are held below.', low=0.5, high=20.0
    )
    death_log_odds: float = parameter(
        -2.5, 'Log-odds of existence below which a track is dropped.', low=-20.0, high=0.0
    )
    tentative_s: float = parameter(
        0.35, 'An unconfirmed track unseen for this long is dropped.', unit='s', low=0.05, high=5.0
    )
    coast_s: float = parameter(
        1.0, 'A track unseen for this long is published no more.', unit='s', low=0.0, high=5.0
    )
    remember_s: float = parameter(
        5.0,
        'A track unseen for this long is dropped; until then it gets its identity back.',
        unit='s',
        low=0.0,
        high=10.0,
    )
    max_coast_sigma_m: float = parameter(
        3.0, 'A coasting track less certain than this is dropped.', unit='m', low=0.1, high=50.0
    )
    merge_distance_m: float = parameter(
        2.5, 'Centres of duplicate tracks are nearer than this.', unit='m', low=0.0, high=10.0
    )

    # --- classes, attributes, size
    class_trust: tuple[float, ...] = parameter(
        (0.9, 0.8, 0.6, 0.85),
        'Probability that the class a source names is right' + _BY_MODALITY,
        low=0.12,
        high=0.999,
    )
    class_memory_s: float = parameter(
        20.0, 'Time after which class evidence is forgotten.', unit='s', low=0.1
    )
    max_class_log_odds: float = parameter(
        6.0, 'No class is believed more strongly than this.', low=0.5, high=20.0
    )
    class_correlation: float = parameter(
        0.3,
        'Weight of one class report: 1 if successive errors were independent.',
        low=0.01,
        high=1,
    )
    attribute_memory_s: tuple[float, ...] = parameter(
        (2.0, 1.0, 1.5, 1.5, 0.5, 2.0, 3.0, 5.0, 20.0, 20.0, 1.0),
        'Time after which a report of phone_in_hand, looking_at_road, turn_left, turn_right, '
        'brake, hazard, door_open, emergency_active, towed, parked, front_wheel_angle_rad '
        'is forgotten.',
        unit='s',
        low=0.05,
    )
    attribute_trust: tuple[float, ...] = parameter(
        (1.0, 0.6, 0.2, 0.6),
        'Weight of a report of an attribute' + _BY_MODALITY,
        low=0.0,
        high=1.0,
    )
    size_trust: tuple[float, ...] = parameter(
        (0.25, 1.0, 0.1, 0.1),
        'Weight of a reported size' + _BY_MODALITY,
        low=0.0,
        high=1.0,
    )

    # --- bounds
    max_tracks: int = parameter(
        400,
        'Tracks kept; beyond, those far from the vehicle go, vulnerable road users last.',
        low=1,
        high=5000,
    )
    max_reports: int = parameter(
        400, 'Reports used of one message, nearest first, vulnerable road users before.', low=1
    )

    def __post_init__(self) -> None:
        declared.check(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, float):
                object.__setattr__(self, field.name, float(value))  # whole numbers are welcome too
            if not isinstance(value, tuple):
                continue
            wanted = len(field.default)  # type: ignore[arg-type]
            if len(value) != wanted:
                raise ParameterError(f'{field.name} must have {wanted} values, got {len(value)}')
