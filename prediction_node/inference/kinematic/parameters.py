"""What a user may want to change about the kinematic predictor."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class KinematicParameters:
    """Lane following, car following and free motion.

    The behaviour defaults were tuned on recorded traffic, see docs/evaluation.md.
    """

    lane_radius_m: float = parameter(
        5.0,
        'How far from a centreline a vehicle may be to follow it.',
        unit='m',
        low=1.0,
        high=20.0,
    )
    lane_sigma_m: float = parameter(
        0.95,
        'Spread of the lateral offsets of vehicles from their lane.',
        unit='m',
        low=0.1,
        high=10.0,
    )
    heading_sigma_rad: float = parameter(
        0.17, 'Spread of vehicle headings about their lane.', unit='rad', low=0.02, high=1.5
    )
    curvature_sigma_radps: float = parameter(
        0.19, 'Spread of yaw rates about what the lane asks.', unit='rad/s', low=0.02, high=2.0
    )
    lateral_lookahead_s: float = parameter(
        0.65, 'Lateral motion is carried on so long to judge the lane.', unit='s', low=0.0, high=5.0
    )
    lane_change_weight: float = parameter(
        0.02, 'Weight of a change to a neighbouring lane without any sign of it.', low=0.0, high=1.0
    )
    turn_weight: float = parameter(
        0.25, 'Weight of a turning branch beside a straight one of weight 1.', low=0.01, high=1.0
    )
    signal_gain: float = parameter(
        6.0, 'How many times likelier a lit turn signal makes its direction.', low=1.0, high=100.0
    )
    free_weight: float = parameter(
        0.06, 'Weight of motion that ignores all lanes.', low=0.001, high=1.0
    )
    comfortable_acceleration_mps2: float = parameter(
        1.5, 'Acceleration on a free road.', unit='m/s^2', low=0.1, high=5.0
    )
    heavy_acceleration_share: float = parameter(
        0.5,
        'Acceleration of trucks, buses and trailers on a free road, as a share of that of cars.',
        low=0.1,
        high=1.0,
    )
    comfortable_braking_mps2: float = parameter(
        1.8, 'Braking for curves, lights and leaders.', unit='m/s^2', low=0.3, high=6.0
    )
    time_gap_s: float = parameter(1.8, 'Wanted time behind a leader.', unit='s', low=0.1, high=5.0)
    least_time_gap_s: float = parameter(
        0.25,
        'A driver already closer than time_gap_s is taken to want the present gap, down to this.',
        unit='s',
        low=0.0,
        high=5.0,
    )
    standstill_gap_m: float = parameter(
        1.0, 'Wanted distance behind a standing leader.', unit='m', low=0.0, high=10.0
    )
    lateral_acceleration_mps2: float = parameter(
        3.0, 'Accepted in curves.', unit='m/s^2', low=0.2, high=8.0
    )
    acceleration_gain: float = parameter(
        0.7,
        'How much of the measured acceleration of a smooth past is believed.',
        low=0.0,
        high=1.0,
    )
    acceleration_floor: float = parameter(
        0.3, 'Share of that belief left where the past was not smooth at all.', low=0.0, high=1.0
    )
    trend_gain: float = parameter(
        0.8,
        'How much of the trend of the past two seconds of speed is believed, where the speeds '
        'follow it closely.',
        low=0.0,
        high=1.0,
    )
    reaction_s: float = parameter(
        0.25,
        'How fast drivers take up the acceleration that the road asks, where the present one is '
        'unknown.',
        unit='s',
        low=0.05,
        high=5.0,
    )
    acceleration_decay_s: float = parameter(
        1.5, 'How fast the present acceleration gives way.', unit='s', low=0.05, high=10.0
    )
    braking_decay_s: float = parameter(
        4.0,
        'How fast braking gives way that the past two seconds surely show.',
        unit='s',
        low=0.05,
        high=20.0,
    )
    yaw_rate_decay_s: float = parameter(
        1.5, 'How fast the present yaw rate fades without lanes.', unit='s', low=0.05, high=10.0
    )
    lane_keeping_s: float = parameter(
        4.3, 'Time to return to the wanted place in the lane.', unit='s', low=0.5, high=10.0
    )
    lane_change_s: float = parameter(
        3.5, 'Time of a whole lane change.', unit='s', low=1.0, high=15.0
    )
    kept_offset: float = parameter(
        0.48, 'Share of a small lateral offset that drivers keep.', low=0.0, high=1.0
    )
    kept_speed: float = parameter(
        0.32,
        'How much the wanted speed is the present one (1) rather than the speed limit (0).',
        low=0.0,
        high=1.0,
    )
    kept_speed_unlimited: float = parameter(
        0.8,
        'As kept_speed, where the map has no speed limit: little is known of what is wanted.',
        low=0.0,
        high=1.0,
    )
    kept_excess: float = parameter(
        0.92, 'How much of a speed above the limit drivers keep.', low=0.0, high=1.0
    )
    standing_stays: float = parameter(
        0.8, 'Weight of a standing vehicle to stay while nothing moves ahead.', low=0.0, high=1.0
    )
    default_speed_limit_mps: float = parameter(
        17.0,
        'Wanted speed where the map has no limit; who is faster keeps it.',
        unit='m/s',
        low=1.0,
        high=60.0,
    )
    behaviour_acceleration_mps2: tuple[float, ...] = parameter(
        (0.0, -0.5, 0.5, -1.2, -2.4, 1.2),
        'Speed behaviours: acceleration on top of car following; the first is the nominal one.',
        unit='m/s^2',
        low=-6.0,
        high=4.0,
    )
    behaviour_weight: tuple[float, ...] = parameter(
        (0.285, 0.21, 0.165, 0.11, 0.03, 0.2),
        'Weights of the speed behaviours, one each.',
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self, 'kinematic.')
        behaviours, weights = len(self.behaviour_acceleration_mps2), len(self.behaviour_weight)
        if behaviours != weights or not behaviours or sum(self.behaviour_weight) <= 0.0:
            raise ParameterError(
                'kinematic.behaviour_weight must have one weight per behaviour, not all zero, '
                f'got {weights} for {behaviours} behaviours'
            )
