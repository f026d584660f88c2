"""The planner node: predictions in; candidates and the trajectory to drive out.

`python -m prediction_node.ros.hil.planner FOLDER`. It plans when predictions come, and stops the
robotaxi when they fail to. If the run says so it asks the node about its candidates first, and
chooses when all answers have come, or their time is over.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from prediction_node import cdr
from prediction_node.bench.arms import arm_of
from prediction_node.bench.dialogue import Dialogue
from prediction_node.bench.driver import Driver, trajectory_arrays
from prediction_node.bench.run_file import RunFile
from prediction_node.domain.errors import MessageError
from prediction_node.domain.stamps import STEP_NS
from prediction_node.lanelet.load import load_map
from prediction_node.ros import quality
from prediction_node.ros.hil.process import (
    ANSWERS,
    CANDIDATES,
    NEWEST,
    OBJECTS,
    TRAJECTORY,
    run_process,
    settled,
)
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.planner.itinerary import Itinerary
from prediction_node.simulation.planner.planner import Planner
from prediction_node.vehicle.messages import ODOMETRY, SIGNALS

_SILENT_CYCLES = 3
_PATIENCE_S = 0.08  # for answers: the next predictions are due 0.02 s later


class PlannerNode(Node):
    """Callbacks translate; the planner thinks."""

    def __init__(self, folder: Path, run: RunFile) -> None:
        """Raises MapError."""
        super().__init__('planner')
        settings = run.load_settings()
        lane_map = load_map(folder / 'map.osm')
        streets = [[lane_map.index_of(each) for each in street] for street in run.streets]
        planner = Planner(Itinerary(lane_map, streets), settings.planner)
        self._body = settings.body
        self._driver = Driver(planner, settings.body, np.array(run.ego_size_m))
        self._silent = 0
        self._asks = arm_of(run.planner).asks
        self._dialogue: Dialogue | None = None
        self._turn_indicators = quality.has_turn_indicators()
        self.unanswered = 0  # choices made before all answers were there
        objects = quality.message_class('autoware_perception_msgs/msg/PredictedObjects')
        odometry = quality.message_class('nav_msgs/msg/Odometry')
        signals = quality.message_class('autoware_perception_msgs/msg/TrafficLightGroupArray')
        candidates = quality.message_class(
            'autoware_internal_planning_msgs/msg/CandidateTrajectories'
        )
        trajectory = quality.message_class('autoware_planning_msgs/msg/Trajectory')
        self._candidates = self.create_publisher(candidates, CANDIDATES, NEWEST)
        self._trajectory = self.create_publisher(trajectory, TRAJECTORY, NEWEST)
        self.create_subscription(objects, OBJECTS, self._on_objects, NEWEST, raw=True)
        self.create_subscription(
            odometry, ODOMETRY, self._driver.on_odometry, quality.FAST, raw=True
        )
        self.create_subscription(
            signals, SIGNALS, self._driver.on_signals, quality.SENSOR, raw=True
        )
        if self._asks:
            self.create_subscription(objects, ANSWERS, self._on_answer, quality.ANSWERS, raw=True)
        self._deadline = self.create_timer(_PATIENCE_S, self._on_deadline)
        self._deadline.cancel()
        self.create_timer(STEP_NS / 1e9, self._on_timer)
        self.unreadable = 0

    def _on_objects(self, data: bytes) -> None:
        try:
            futures = Futures.of_message(cdr.read_predicted_objects(data))
        except (MessageError, ValueError):
            self.unreadable += 1
            return
        self._silent = 0
        self._publish(futures)

    def _on_timer(self) -> None:
        self._silent += 1
        if self._silent > _SILENT_CYCLES:
            self._publish(None)

    def _publish(self, futures: Futures | None) -> None:
        self._on_deadline()  # what is still open is decided now
        proposal = self._driver.propose(futures)
        if proposal is None:
            return
        dialogue = Dialogue(proposal, self._body)
        if not proposal.candidates:
            self._choose(dialogue)
            return
        if self._asks:
            self._dialogue = dialogue
            self._deadline.reset()
        self._candidates.publish(dialogue.ask(turn_indicators=self._turn_indicators))
        if not self._asks:
            self._choose(dialogue)

    def _on_answer(self, data: bytes) -> None:
        dialogue = self._dialogue
        if dialogue is not None and dialogue.hear(data) and dialogue.complete:
            self._finish(dialogue)

    def _on_deadline(self) -> None:
        self._deadline.cancel()
        if self._dialogue is not None:
            self.unanswered += 1
            self._finish(self._dialogue)

    def _finish(self, dialogue: Dialogue) -> None:
        self._deadline.cancel()
        self._dialogue = None
        self._choose(dialogue)

    def _choose(self, dialogue: Dialogue) -> None:
        plan = self._driver.choose(dialogue.proposal, dialogue.answers)
        chosen = trajectory_arrays(plan.trajectory, self._body)
        self._trajectory.publish(cdr.write_trajectory(chosen))


def _work(folder: Path, run: RunFile, args: argparse.Namespace) -> int:
    node = PlannerNode(folder, run)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    settled()
    try:
        executor.spin()
    finally:
        executor.shutdown()
        node.destroy_node()
    return 0


def main() -> int:
    return run_process('The planner of a hil run.', _work, nice=1)


if __name__ == '__main__':
    sys.exit(main())
