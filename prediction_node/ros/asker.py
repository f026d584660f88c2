"""Asks the running node what would be if, once a cycle, as a planner does; for benchmarks."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from prediction_node import cdr
from prediction_node.channels import CANDIDATES, questions
from prediction_node.conditional.straight import straight_candidates
from prediction_node.config import Config
from prediction_node.ros import quality

_FASTEST_MPS = 15.0
_NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
_TIMES = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)


class Asker:
    """Candidates straight on from the newest odometry, from standing to 15 m/s."""

    def __init__(self, node: Node, candidates: int) -> None:
        self._speeds = np.linspace(0.0, _FASTEST_MPS, candidates).tolist()
        self._odometry: bytes | None = None
        self._indicators = quality.has_turn_indicators()
        self.asked = 0
        self.answers = 0  # messages, one a candidate
        self.took_ms: list[float] = []  # of each answered request, as the node says
        asked = questions(Config())
        assert asked.name == CANDIDATES
        kind = quality.message_class(asked.type)
        self._publisher = node.create_publisher(kind, asked.topic, _NEWEST)
        subscribe = node.create_subscription
        odometry = quality.message_class('nav_msgs/msg/Odometry')
        topic = Config().topics.odometry
        subscribe(odometry, topic, self._on_odometry, quality.FAST, raw=True)
        objects = quality.message_class('autoware_perception_msgs/msg/PredictedObjects')
        topic = '/prediction/output/conditioned_objects'
        subscribe(objects, topic, self._on_answer, quality.ANSWERS, raw=True)
        stamped = quality.message_class('autoware_internal_debug_msgs/msg/Float64Stamped')
        subscribe(stamped, '/prediction/debug/answers_ms', self._on_time, _TIMES)

    def ask(self, stamp_ns: int) -> None:
        """About the scene of predictions that have just come."""
        if self._odometry is None:
            return
        at = cdr.read_odometry(self._odometry)
        yaw_rad = 2.0 * float(np.arctan2(at.orientation[2], at.orientation[3]))
        request = straight_candidates(stamp_ns, at.position, yaw_rad, self._speeds)
        if self._indicators:
            request = request.with_indicators()
        self._publisher.publish(cdr.write_candidate_trajectories(request))
        self.asked += 1

    def clear(self) -> None:
        """Forget what was asked and answered so far."""
        self.asked = self.answers = 0
        self.took_ms.clear()

    def _on_odometry(self, data: bytes) -> None:
        self._odometry = data

    def _on_answer(self, data: bytes) -> None:
        self.answers += 1

    def _on_time(self, message: object) -> None:
        self.took_ms.append(message.data)  # type: ignore[attr-defined]
