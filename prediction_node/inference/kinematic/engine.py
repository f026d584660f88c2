"""The kinematic engine: lanes, car following and free motion, without learning."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.agents import Agents
from prediction_node.domain.kinds import CLASS_COUNT, MOTOR_VEHICLES, ObjectClass, class_mask
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.prediction import MODE_COUNT, POSE_COUNT, Prediction
from prediction_node.domain.scene import Scene
from prediction_node.inference.kinematic.driving import drive_movers
from prediction_node.inference.kinematic.lights import LightMemory
from prediction_node.inference.kinematic.modes import normalised
from prediction_node.inference.kinematic.movers import Movers
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road
from prediction_node.inference.kinematic.uncertainty import (
    present_variance,
    sigma_in_map,
    spread_of_movers,
    spread_of_walkers,
    widening,
)
from prediction_node.inference.kinematic.walkers import walk

_STEERS = class_mask((*MOTOR_VEHICLES, ObjectClass.BICYCLE))
# Nobody walks that fast: what is unknown and does so steers.
UNKNOWN_STEERS_MPS = 3.5
# Agents whose poses are written at once: their intermediate arrays stay in the cache and in the
# allocator's hands, where larger ones would be given back to the system and faulted in each cycle.
BLOCK = 64


class KinematicEngine:
    """Weighted futures by rules: the fallback of every learned engine, and its baseline."""

    name = 'kinematic'

    def __init__(self, parameters: KinematicParameters) -> None:
        self._parameters = parameters
        self._road: Road | None = None
        self._lights = LightMemory()

    @property
    def road(self) -> Road | None:
        """The map in use with its routes."""
        return self._road

    def prepare(self, lane_map: LaneMap | None) -> None:
        """Find the map's routes now rather than in the first cycle that sees it."""
        if lane_map is None or not len(lane_map):
            self._road = None
        elif self._road is None or self._road.lane_map is not lane_map:
            self._road = Road.of(lane_map, self._parameters)

    def adopt(self, road: Road) -> None:
        """Use the routes of a map that were found elsewhere (`Road.of`, in another process)."""
        self._road = road

    def predict(self, scene: Scene) -> Prediction:
        """Futures of `scene.agents`, same order. Yaw is continuous along a path, not wrapped."""
        self.prepare(scene.lane_map)
        agents = scene.agents
        n = len(agents)
        pose = np.empty((n, MODE_COUNT, POSE_COUNT, 3))
        sigma = np.empty((n, MODE_COUNT, POSE_COUNT, 3))
        probability = np.empty((n, MODE_COUNT))
        steers = _steers(agents)
        drivers, walkers = np.flatnonzero(steers), np.flatnonzero(~steers)
        if len(drivers):
            self._drive(scene, drivers, pose, sigma, probability)
        if len(walkers):
            self._walk(agents, walkers, pose, sigma, probability)
        return Prediction(agents, pose, sigma, probability, self.name)

    def _drive(
        self,
        scene: Scene,
        rows: np.ndarray,
        pose: np.ndarray,
        sigma: np.ndarray,
        probability: np.ndarray,
    ) -> None:
        agents, road = scene.agents, self._road
        movers = Movers.of(scene, rows, self._parameters.comfortable_acceleration_mps2)
        colours = None
        if road is not None:
            colours = self._lights.colours(road.lane_map, scene.lights, scene.stamp_ns)
        drive = drive_movers(movers, road, colours, self._parameters)
        probability[rows] = drive.probability
        along, across = spread_of_movers(movers.path_speed_mps, agents.covariance[rows])
        present = present_variance(agents.covariance[rows])
        factor = widening(drive.probability)
        turned = np.where(movers.reversing, np.pi, 0.0)[:, None, None]
        everybody = len(rows) == len(agents)
        for begin in range(0, len(rows), BLOCK):
            part = np.arange(begin, min(begin + BLOCK, len(rows)))
            place = drive.places(part)
            # Where everybody drives the rows have no gaps and are written in place.
            block = slice(begin, begin + len(part))
            pose_out = pose[block] if everybody else np.empty((len(part), *pose.shape[1:]))
            sigma_out = sigma[block] if everybody else np.empty_like(pose_out)
            np.add(place.x_m, movers.xy_m[part, 0, None, None], out=pose_out[..., 0])
            np.add(place.y_m, movers.xy_m[part, 1, None, None], out=pose_out[..., 1])
            np.subtract(place.yaw_rad, turned[part], out=pose_out[..., 2])
            sigma_in_map(
                place.cos2,
                place.cos_sin,
                along[part] * factor[part],
                across[part] * factor[part],
                present[part],
                sigma_out,
            )
            if not everybody:
                pose[rows[part]], sigma[rows[part]] = pose_out, sigma_out

    def _walk(
        self,
        agents: Agents,
        rows: np.ndarray,
        pose: np.ndarray,
        sigma: np.ndarray,
        probability: np.ndarray,
    ) -> None:
        picked = agents.select(rows)
        walked, weight = walk(picked, self._road)
        probability[rows] = normalised(weight)
        speed = np.hypot(*np.nan_to_num(picked.velocity_mps).T)
        along, across = spread_of_walkers(speed)
        cos, sin = np.cos(walked[..., 2]), np.sin(walked[..., 2])
        walked[..., :2] += picked.position_m[:, None, None, :2]
        pose[rows] = walked
        present = present_variance(picked.covariance)
        sigma_in_map(cos * cos, cos * sin, along, across, present, walked)
        sigma[rows] = walked


def _steers(agents: Agents) -> np.ndarray:
    """(N,) whether an agent steers a vehicle; the others may step in any direction."""
    label = np.clip(agents.label, 0, CLASS_COUNT - 1)
    velocity = np.nan_to_num(agents.velocity_mps)
    fast = np.hypot(velocity[:, 0], velocity[:, 1]) > UNKNOWN_STEERS_MPS
    return np.asarray(_STEERS[label] | ((label == ObjectClass.UNKNOWN) & fast))
