"""Futures of steered bodies: routes times speed behaviours, reduced to modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.prediction import MODE_COUNT, STEP_S
from prediction_node.domain.scene import Scene
from prediction_node.inference.kinematic.hypotheses import Hypotheses, hypotheses, lane_candidates
from prediction_node.inference.kinematic.kernels import futures, modes
from prediction_node.inference.kinematic.leaders import leaders, light_stops
from prediction_node.inference.kinematic.movers import Movers, table
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.paths import Paths, paths_of
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.speeds import KNOT_STEPS, Speeds, drive, wanted_speeds

# Modes are told apart by where they are at these knots of the speed profiles: 2.5 and 5 s.
COMPARED_KNOTS = np.array([5, 10])


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """The chosen modes of N movers, likeliest first."""

    rows: Hypotheses
    paths: Paths
    speeds: Speeds
    path: np.ndarray  # (N, MODE_COUNT) path of each mode
    behaviour: np.ndarray  # (N, MODE_COUNT) its speed behaviour
    probability: np.ndarray  # (N, MODE_COUNT), rows sum to one

    def write(self, scene: Scene, movers: Movers, pose: np.ndarray, sigma: np.ndarray) -> None:
        """Write the movers' poses and spreads to those of all agents (A, MODE_COUNT, ., 3)."""
        futures.write_futures(
            row=movers.row,
            begin=self.rows.begin,
            path=self.path,
            behaviour=self.behaviour,
            probability=self.probability,
            route=self.rows.route,
            step_m=self.paths.step_m,
            x_m=self.paths.x_m,
            y_m=self.paths.y_m,
            free_yaw_rad=self.paths.free_yaw_rad,
            path_yaw_rad=movers.path_yaw_rad,
            distance_m=self.speeds.distance_m,
            speed_mps=self.speeds.speed_mps,
            mover_speed_mps=movers.path_speed_mps,
            reversing=movers.reversing,
            position_m=table(scene.agents.position_m),
            covariance=table(scene.agents.covariance),
            knot_steps=KNOT_STEPS,
            step_s=STEP_S,
            pose=pose,
            sigma=sigma,
        )


def drive_movers(
    movers: Movers, road: Road, colours: np.ndarray | None, parameters: KinematicParameters
) -> Drive:
    """The modes of all movers."""
    found = lane_candidates(movers, road, parameters)
    rows = hypotheses(movers, found, road, parameters)
    leader, gap = leaders(movers, rows, found, road)
    stop = light_stops(movers, rows, colours, road, parameters)
    paths = paths_of(movers, rows, road, parameters)
    wanted, needed_braking = wanted_speeds(movers, rows, paths, np.minimum(gap, stop), parameters)
    weight, primary = modes.feasible_routes(
        begin=rows.begin,
        weight=rows.weight,
        needed_mps2=needed_braking,
        comfortable_mps2=parameters.comfortable_braking_mps2,
    )
    speeds = drive(movers, rows, paths, wanted, leader, gap, stop, primary, parameters)
    chosen = modes.choose_modes(
        begin=rows.begin,
        weight=weight,
        stands=movers.stands,
        brakes=movers.attribute('brake'),
        parked=movers.attribute('parked'),
        distance_m=speeds.distance_m,
        step_m=paths.step_m,
        x_m=paths.x_m,
        y_m=paths.y_m,
        compared_knots=COMPARED_KNOTS,
        behaviour_weight=np.array(parameters.behaviour_weight),
        behaviour_mps2=np.array(parameters.behaviour_acceleration_mps2),
        standing_stays=parameters.standing_stays,
        modes=MODE_COUNT,
    )
    return Drive(rows, paths, speeds, *chosen)
