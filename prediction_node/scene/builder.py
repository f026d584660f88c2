"""Scenes, one per release."""

from __future__ import annotations

import dataclasses

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.scene import History, Scene
from prediction_node.scene.histories import Histories
from prediction_node.scene.parameters import SceneParameters


class SceneBuilder:
    """Remembers where agents were and hands out scenes whose agents have pasts."""

    def __init__(self, parameters: SceneParameters) -> None:
        self._histories = Histories(parameters)
        self._ego_histories = Histories(dataclasses.replace(parameters, max_tracks=1))

    def reset(self) -> None:
        """Forget all pasts (the clock jumped, the bag looped, the node was cleaned up)."""
        self._histories.reset()
        self._ego_histories.reset()

    def build(
        self,
        agents: Agents,
        ego: Ego,
        lane_map: LaneMap | None,
        lights: LightStates,
        stamp_ns: int,
    ) -> Scene:
        """The scene at `stamp_ns`. Time that runs backwards forgets what is now the future.

        Raises ValueError where `agents` are of another instant.
        """
        if agents.stamp_ns != stamp_ns:
            raise ValueError(f'agents are of {agents.stamp_ns} ns, the scene is of {stamp_ns} ns')
        newest = self._histories.newest_ns
        if newest is not None and stamp_ns < newest:
            self.reset()
        self._histories.observe(agents)
        history = self._histories.read(agents)
        ego_history = self._observe_ego(ego, stamp_ns) if ego.present else None
        return Scene(stamp_ns, agents, history, ego, lane_map, lights, ego_history)

    def _observe_ego(self, ego: Ego, stamp_ns: int) -> History:
        """The past of the middle of the robotaxi's box, of one row."""
        body = dataclasses.replace(ego.as_agent(), stamp_ns=stamp_ns)
        self._ego_histories.observe(body)
        return self._ego_histories.read(body)
