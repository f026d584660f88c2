"""How fast each hypothesis drives: intelligent driver model with behaviours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.kinds import ObjectClass, class_mask
from prediction_node.domain.prediction import POSE_COUNT, STEP_S
from prediction_node.inference.kinematic.hypotheses import Hypotheses
from prediction_node.inference.kinematic.kernels import speeds
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.paths import Paths

KNOT_STEPS = 5
KNOT_S = KNOT_STEPS * STEP_S
KNOTS = (POSE_COUNT - 1) // KNOT_STEPS + 1
_HEAVY = class_mask((ObjectClass.TRUCK, ObjectClass.BUS, ObjectClass.TRAILER))


@dataclass(frozen=True, slots=True, eq=False)
class Speeds:
    """Distances and speeds of B behaviours of M hypotheses at KNOTS instants, KNOT_S apart.

    Between knots the acceleration is constant.
    """

    distance_m: np.ndarray  # (KNOTS, M, B)
    speed_mps: np.ndarray  # (KNOTS, M, B)


def wanted_speeds(
    movers: Movers,
    rows: Hypotheses,
    paths: Paths,
    obstacle_gap_m: np.ndarray,
    parameters: KinematicParameters,
) -> tuple[np.ndarray, np.ndarray]:
    """(M, NODES) speed wanted along the path, braking ahead of curves; (M,) braking needed now.

    `obstacle_gap_m` (M,): how far ahead a vehicle or a red light holds the mover back, inf: none.
    """
    wanted, needed = speeds.wanted_speeds(
        mover=rows.mover,
        obstacle_gap_m=obstacle_gap_m,
        speed_mps=movers.path_speed_mps,
        steadiness=movers.steadiness,
        step_m=paths.step_m,
        curvature_1pm=paths.curvature_1pm,
        limit_mps=paths.speed_limit_mps,
        limit_known=paths.limit_known,
        kept_speed=parameters.kept_speed,
        kept_speed_unlimited=parameters.kept_speed_unlimited,
        kept_excess=parameters.kept_excess,
        lateral_acceleration_mps2=parameters.lateral_acceleration_mps2,
        comfortable_braking_mps2=parameters.comfortable_braking_mps2,
        standstill_gap_m=parameters.standstill_gap_m,
        time_gap_s=parameters.time_gap_s,
    )
    return wanted, needed


def drive(
    movers: Movers,
    rows: Hypotheses,
    paths: Paths,
    wanted_mps: np.ndarray,
    leader: np.ndarray,
    leader_gap_m: np.ndarray,
    stop_gap_m: np.ndarray,
    primary: np.ndarray,
    parameters: KinematicParameters,
) -> Speeds:
    """Integrate all behaviours of all rows; leaders drive their `primary` (N,) row nominally."""
    accelerate = parameters.comfortable_acceleration_mps2 * np.where(
        _HEAVY[movers.label], parameters.heavy_acceleration_share, 1.0
    )
    return Speeds(
        *speeds.integrate(
            mover=rows.mover,
            offset_m=rows.offset_m,
            leader=leader,
            leader_gap_m=leader_gap_m,
            stop_gap_m=stop_gap_m,
            primary=primary,
            step_m=paths.step_m,
            wanted_mps=wanted_mps,
            speed_mps=movers.path_speed_mps,
            stands=movers.stands,
            present_mps2=_present_acceleration(movers, parameters),
            smoothness=movers.smoothness,
            brakes=movers.brakes,
            acceleration_mps2=accelerate,
            behaviour_mps2=np.array(parameters.behaviour_acceleration_mps2),
            knots=KNOTS,
            knot_s=KNOT_S,
            comfortable_braking_mps2=parameters.comfortable_braking_mps2,
            standstill_gap_m=parameters.standstill_gap_m,
            time_gap_s=parameters.time_gap_s,
            least_time_gap_s=parameters.least_time_gap_s,
            reaction_s=parameters.reaction_s,
            acceleration_decay_s=parameters.acceleration_decay_s,
            braking_decay_s=parameters.braking_decay_s,
        )
    )


def _present_acceleration(movers: Movers, parameters: KinematicParameters) -> np.ndarray:
    """(N,) acceleration to go on with: the trend of two seconds as far as the speeds follow it.

    The rest is the measured one, as far as the positions were smooth.
    """
    floor = parameters.acceleration_floor
    believed = floor + movers.smoothness * (1.0 - floor)
    measured = parameters.acceleration_gain * believed * movers.acceleration_mps2
    trend = parameters.trend_gain * movers.trend_mps2
    return np.asarray(measured + movers.trend_trust * (trend - measured))
