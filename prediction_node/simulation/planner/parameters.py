"""Tunable numbers of the planner and of the body it drives."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class PlannerParameters:
    """How it drives, and what it weighs."""

    cruise_mps: float = parameter(
        13.0, 'Highest speed, whatever the map allows.', unit='m/s', low=1.0, high=40.0
    )
    acceleration_mps2: float = parameter(
        1.5, 'Comfortable acceleration.', unit='m/s^2', low=0.2, high=4.0
    )
    slowing_mps2: float = parameter(
        1.2, 'Braking of the candidate slower.', unit='m/s^2', low=0.2, high=4.0
    )
    stopping_mps2: float = parameter(
        2.5, 'Braking of the candidate stop, and before stop lines.', unit='m/s^2', low=0.5, high=5
    )
    firm_stopping_mps2: float = parameter(
        3.5, 'Braking of the candidate firm_stop.', unit='m/s^2', low=1.0, high=8.0
    )
    braking_mps2: float = parameter(
        6.0, 'Braking of the candidate brake.', unit='m/s^2', low=3.0, high=10.0
    )
    lateral_mps2: float = parameter(
        2.0, 'Bound of the lateral acceleration in curves.', unit='m/s^2', low=0.5, high=5.0
    )
    time_gap_s: float = parameter(1.4, 'Time gap to the one ahead.', unit='s', low=0.5, high=4.0)
    standing_gap_m: float = parameter(
        3.0, 'Gap to the one ahead at standstill.', unit='m', low=1.0, high=10.0
    )
    stop_line_gap_m: float = parameter(
        1.5, 'The front stops this far before a line.', unit='m', low=0.0, high=5.0
    )
    margin_m: float = parameter(0.15, 'Kept free around vehicles.', unit='m', low=0.0, high=2.0)
    vulnerable_margin_m: float = parameter(
        0.7, 'Kept free around walkers, animals and cyclists.', unit='m', low=0.0, high=3.0
    )
    time_margin_s: float = parameter(
        0.3, 'Kept free before and behind those who move.', unit='s', low=0.0, high=2.0
    )
    anticipation_s: float = parameter(
        1.5, 'Who will walk onto the path within this time is stopped for.', unit='s', low=0, high=4
    )
    nudge_m: float = parameter(
        0.9, 'How far a nudge leaves the middle of the lane.', unit='m', low=0.2, high=2.0
    )
    reach_m: float = parameter(
        80.0, 'Road users farther away are not looked at.', unit='m', low=20.0, high=200.0
    )
    patience_s: float = parameter(
        0.5, 'Without predictions for longer than this, it stops.', unit='s', low=0.1, high=5.0
    )
    disbelief_starts: float = parameter(
        0.5,
        'Who stands after so many starts were expected in vain is believed to go by a third only.',
        low=0.05,
        high=100.0,
    )
    collision_weight: float = parameter(
        60.0, 'Cost of a sure and immediate collision.', low=0.0, high=1e4
    )
    collision_fading_s: float = parameter(
        4.0, 'Later collisions count less: they fade with this time.', unit='s', low=0.5, high=100
    )
    reconsidering_s: float = parameter(
        1.0,
        'A collision that stopping still avoids, begun after this time, is a lesser one.',
        unit='s',
        low=0.0,
        high=8.0,
    )
    avoidable_share: float = parameter(
        0.1, 'What such a collision costs, of one that can no longer be avoided.', low=0, high=1
    )
    severe_mps: float = parameter(
        3.0,
        'A collision counts in full from this speed of the robotaxi on, below in proportion.',
        unit='m/s',
        low=0.3,
        high=20.0,
    )
    comfort_weight: float = parameter(
        0.15, 'Cost of a mean squared acceleration of 1 m^2/s^4.', low=0.0, high=100.0
    )
    hard_braking_weight: float = parameter(
        0.5, 'Cost of braking by 1 m/s^2 more than 3.5, squared.', low=0.0, high=100.0
    )
    progress_weight: float = parameter(
        6.0, 'Cost of standing where the road is free.', low=0.0, high=1e3
    )
    nudge_cost: float = parameter(1.0, 'Cost of leaving the middle of the lane.', low=0, high=100)
    lane_change_cost: float = parameter(1.5, 'Cost of changing the lane.', low=0.0, high=100.0)
    route_weight: float = parameter(
        0.05, 'Gain of a lane change per metre that it saves on the route.', low=0.0, high=10.0
    )
    courtesy_weight: float = parameter(
        0.4,
        'Cost of another vehicle that brakes by 1 m/s^2 more than comes easy, squared.',
        low=0.0,
        high=100.0,
    )
    switching_cost: float = parameter(
        0.4, 'Cost of choosing another candidate than in the cycle before.', low=0.0, high=100.0
    )

    def __post_init__(self) -> None:
        check(self, 'planner.')


@dataclass(frozen=True, slots=True)
class BodyParameters:
    """The robotaxi as a body on two axles."""

    wheelbase_m: float = parameter(2.8, 'Between the axles.', unit='m', low=1.0, high=10.0)
    centre_offset_m: float = parameter(
        1.4, 'Centre of the box ahead of the rear axle.', unit='m', low=-5.0, high=10.0
    )
    max_curvature_1pm: float = parameter(
        0.18, 'Narrowest curve it can steer.', unit='1/m', low=0.05, high=1.0
    )
    max_curvature_rate: float = parameter(
        0.25, 'Fastest change of the curvature.', unit='1/(m s)', low=0.02, high=5.0
    )
    max_acceleration_mps2: float = parameter(
        2.5, 'Strongest acceleration.', unit='m/s^2', low=0.5, high=10.0
    )
    max_braking_mps2: float = parameter(8.0, 'Strongest braking.', unit='m/s^2', low=2.0, high=12.0)
    max_jerk_mps3: float = parameter(
        15.0, 'Fastest change of the acceleration.', unit='m/s^3', low=1.0, high=100.0
    )
    preview_s: float = parameter(
        0.25, 'Steers for the curve that comes in this time.', unit='s', low=0.0, high=5.0
    )
    offset_gain_1pm2: float = parameter(
        0.12, 'Curvature per metre beside the path.', unit='1/m^2', low=0.0, high=1.0
    )
    heading_gain_1pm: float = parameter(
        0.65, 'Curvature per radian off the path.', unit='1/m', low=0.0, high=5.0
    )

    def __post_init__(self) -> None:
        check(self, 'body.')
