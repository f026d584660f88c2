"""The kinematic engine: lanes, car following and free motion, without learning."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, MOTOR_VEHICLES, ObjectClass, class_mask
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.scene import Scene
from prediction_node.inference.kinematic.driving import drive_movers
from prediction_node.inference.kinematic.lights import colours_by_lane
from prediction_node.inference.kinematic.modes import normalised
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.uncertainty import (
    present_variance,
    sigma_in_map,
    spread_of_movers,
    spread_of_walkers,
)
from prediction_node.inference.kinematic.walkers import walk

_STEERS = class_mask((*MOTOR_VEHICLES, ObjectClass.BICYCLE))
# Nobody walks that fast: what is unknown and does so steers.
UNKNOWN_STEERS_MPS = 3.5


class KinematicEngine:
    """Weighted futures by rules: the fallback of every learned engine, and its baseline."""

    name = 'kinematic'

    def __init__(self, parameters: KinematicParameters) -> None:
        self._parameters = parameters
        self._road: Road | None = None

    def prepare(self, lane_map: LaneMap | None) -> None:
        """Find the map's routes now rather than in the first cycle that sees it."""
        if lane_map is None or not len(lane_map):
            self._road = None
        elif self._road is None or self._road.lane_map is not lane_map:
            self._road = Road.of(lane_map, self._parameters)

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order. Yaw is continuous along a path, not wrapped."""
        self.prepare(scene.lane_map)
        agents, road = scene.agents, self._road
        n = len(agents)
        label = np.clip(agents.label, 0, CLASS_COUNT - 1)
        fast = np.hypot(*np.nan_to_num(agents.velocity_mps).T) > UNKNOWN_STEERS_MPS
        steers = _STEERS[label] | ((label == ObjectClass.UNKNOWN) & fast)
        pose = np.zeros((n, MODE_COUNT, POSE_COUNT, 3))
        probability = np.zeros((n, MODE_COUNT))
        along = np.zeros((n, 1, POSE_COUNT))
        across = np.zeros((n, 1, POSE_COUNT))
        drivers, walkers = np.flatnonzero(steers), np.flatnonzero(~steers)
        if len(drivers):
            movers = Movers.of(agents, drivers, self._parameters.comfortable_acceleration_mps2)
            colours = (
                None
                if road is None
                else colours_by_lane(road.lane_map, scene.lights, scene.stamp_ns)
            )
            pose[drivers], probability[drivers] = drive_movers(
                movers, road, colours, self._parameters
            )
            along[drivers], across[drivers] = spread_of_movers(movers.path_speed_mps)
        if len(walkers):
            picked = agents.select(walkers)
            pose[walkers], weight = walk(picked, road)
            probability[walkers] = normalised(weight)
            speed = np.hypot(*np.nan_to_num(picked.velocity_mps).T)
            along[walkers], across[walkers] = spread_of_walkers(speed)
        pose[..., :2] += agents.position_m[:, None, None, :2]
        sigma = sigma_in_map(pose[..., 2], along, across, present_variance(agents.covariance))
        return Prediction(agents, pose, sigma, probability, self.name)
