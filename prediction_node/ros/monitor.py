"""Listens to the node from another process: what a planner sees, for benchmarks and tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from prediction_node.ros import quality

_DEEP = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True, slots=True)
class Received:
    """One predictions message."""

    received_ns: int  # monotonic
    data: bytes


class Monitor:
    """Collects predictions and the response times the node reports beside them."""

    def __init__(self, context: rclpy.context.Context, objects_topic: str) -> None:
        self.objects: list[Received] = []
        self.responses_ms: list[float] = []
        self._node = Node('monitor', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        objects = quality.message_class('autoware_perception_msgs/msg/PredictedObjects')
        stamped = quality.message_class('autoware_internal_debug_msgs/msg/Float64Stamped')
        self._node.create_subscription(
            objects, objects_topic, self._on_objects, quality.OUTPUT, raw=True
        )
        self._node.create_subscription(
            stamped,
            '/prediction/debug/response_ms',
            lambda message: self.responses_ms.append(message.data),
            _DEEP,
        )
        self.keep_data = False

    def _on_objects(self, data: bytes) -> None:
        kept = bytes(data) if self.keep_data else b''
        self.objects.append(Received(time.monotonic_ns(), kept))

    def spin_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Listen until `done()` or the timeout; true if done."""
        end = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > end:
                return False
            self._executor.spin_once(timeout_sec=0.1)
        return True

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
