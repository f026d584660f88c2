"""The kinematic engine: lanes, car following and free motion, without learning."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import MOTOR_VEHICLES, ObjectClass, class_mask
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.scene import Scene
from prediction_node.inference.kinematic.driving import drive_movers
from prediction_node.inference.kinematic.kernels import bodies
from prediction_node.inference.kinematic.lights import LightMemory
from prediction_node.inference.kinematic.movers import Movers, table
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.robotaxi import with_robotaxi
from prediction_node.inference.kinematic.walkers import walk

_STEERS = class_mask((*MOTOR_VEHICLES, ObjectClass.BICYCLE))


class KinematicEngine:
    """Weighted futures by rules: the fallback of every learned engine, and its baseline."""

    name = 'kinematic'

    def __init__(self, parameters: KinematicParameters) -> None:
        self._parameters = parameters
        self._road = Road.nowhere()
        self._lights = LightMemory()

    @property
    def road(self) -> Road:
        """The map in use with its routes."""
        return self._road

    def prepare(self, lane_map: LaneMap | None) -> None:
        """Find the map's routes now rather than in the first cycle that sees it."""
        if lane_map is None or not len(lane_map):
            if self._road.lane_map is not None:
                self._road = Road.nowhere()
        elif self._road.lane_map is not lane_map:
            self._road = Road.of(lane_map, self._parameters)

    def adopt(self, road: Road) -> None:
        """Use the routes of a map that were found elsewhere (`Road.of`, in another process)."""
        self._road = road

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order, likeliest mode first.

        Yaw is continuous along a path, not wrapped. The robotaxi is taken to drive by the same
        rules.
        """
        self.prepare(scene.lane_map)
        asked = scene.agents
        scene = with_robotaxi(scene)
        agents = scene.agents
        n = len(agents)
        pose = np.empty((n, MODE_COUNT, POSE_COUNT, 3))
        sigma = np.empty((n, MODE_COUNT, POSE_COUNT, 3))
        probability = np.empty((n, MODE_COUNT))
        label, steers = bodies.read_classes(
            class_probabilities=table(agents.class_probabilities),
            velocity_mps=table(agents.velocity_mps),
            steers=_STEERS,
            unknown=int(ObjectClass.UNKNOWN),
        )
        drivers, walkers = np.flatnonzero(steers), np.flatnonzero(~steers)
        if len(drivers):
            probability[drivers] = self._drive(scene, drivers, label[drivers], pose, sigma)
        if len(walkers):
            probability[walkers] = walk(agents, walkers, self._road, pose, sigma)
        own = len(asked)
        return Prediction(asked, pose[:own], sigma[:own], probability[:own], self.name)

    def _drive(
        self,
        scene: Scene,
        row: np.ndarray,
        label: np.ndarray,
        pose: np.ndarray,
        sigma: np.ndarray,
    ) -> np.ndarray:
        """(N, MODE_COUNT) probabilities of those in `row` (N,); writes their poses and spreads."""
        road, parameters = self._road, self._parameters
        movers = Movers.of(scene, row, label, parameters.comfortable_acceleration_mps2)
        colours = None
        if road.lane_map is not None:
            colours = self._lights.colours(road.lane_map, scene.lights, scene.stamp_ns)
        drive = drive_movers(movers, road, colours, parameters)
        drive.write(scene, movers, pose, sigma)
        return drive.probability
