"""Listens to the node from another process: what a planner sees, for benchmarks and tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from prediction_node.cdr import read_predicted_objects
from prediction_node.domain.errors import PredictionNodeError
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

    def sees_somebody(self) -> bool:
        """Whether the newest predictions are of somebody."""
        return (
            bool(self.objects) and len(read_predicted_objects(self.objects[-1].data).object_id) > 0
        )

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()


def watch(objects_topic: str, warm_up: int, cycles: int) -> tuple[list[float], list[int]]:
    """Responses (ms) and reception instants (monotonic ns) of `cycles` cycles after `warm_up`
    cycles that predicted somebody. Raises PredictionNodeError if the node stays silent.
    """
    context = rclpy.context.Context()
    rclpy.init(context=context)
    monitor = Monitor(context, objects_topic)
    try:
        monitor.keep_data = True
        if not monitor.spin_until(monitor.sees_somebody, timeout_s=90.0):
            raise PredictionNodeError('the node predicted nobody within 90 s; see its output above')
        monitor.keep_data = False
        monitor.objects.clear()
        monitor.responses_ms.clear()
        wanted = warm_up + cycles
        monitor.spin_until(
            lambda: len(monitor.responses_ms) >= wanted, timeout_s=0.1 * wanted + 30.0
        )
    finally:
        monitor.close()
        rclpy.shutdown(context=context)
    received = [r.received_ns for r in monitor.objects]
    return monitor.responses_ms[warm_up:wanted], received[warm_up:wanted]
