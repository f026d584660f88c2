"""Listens to the node from another process: what a planner sees, for benchmarks and tests."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from prediction_node.domain.errors import PredictionNodeError
from prediction_node.domain.stamps import STEP_NS
from prediction_node.ros import quality
from prediction_node.ros.asker import Asker

_FIRST_TIMEOUT_S = 90.0
_AFTER_LAST_S = 1.0  # for what is still under way when the last cycle is over
# Deeper than a planner's: what a listener that is kept from the core fails to take was still sent.
_OBJECTS = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
_TIMES = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True, slots=True)
class Objects:
    """One message of predictions."""

    received_ns: int  # monotonic
    stamp_ns: int
    count: int  # road users in it


@dataclass(frozen=True, slots=True)
class Response:
    """One response as the node reports it."""

    received_ns: int  # monotonic
    stamp_ns: int  # of the predictions it is about
    response_ms: float


class Monitor:
    """Collects predictions and the response times the node reports beside them."""

    def __init__(
        self, context: rclpy.context.Context, objects_topic: str, candidates: int = 0
    ) -> None:
        """`candidates`: to ask about, as soon as predictions come; 0: nothing is asked."""
        self.objects: list[Objects] = []
        self.responses: list[Response] = []
        self._node = Node('monitor', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        objects = quality.message_class('autoware_perception_msgs/msg/PredictedObjects')
        stamped = quality.message_class('autoware_internal_debug_msgs/msg/Float64Stamped')
        self._node.create_subscription(objects, objects_topic, self._on_objects, _OBJECTS, raw=True)
        self._node.create_subscription(
            stamped, '/prediction/debug/response_ms', self._on_response, _TIMES
        )
        self.asker = Asker(self._node, candidates) if candidates else None

    def _on_objects(self, data: bytes) -> None:
        self.objects.append(Objects(time.monotonic_ns(), *stamp_and_count(data)))
        if self.asker is not None:
            self.asker.ask(self.objects[-1].stamp_ns)

    def _on_response(self, message: object) -> None:
        received_ns = time.monotonic_ns()
        stamp = message.stamp  # type: ignore[attr-defined]
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        self.responses.append(Response(received_ns, stamp_ns, message.data))  # type: ignore[attr-defined]

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


def stamp_and_count(data: bytes) -> tuple[int, int]:
    """Stamp (ns) and number of objects of PredictedObjects in little-endian CDR, nothing else
    read.
    """
    sec, nanosec, name_bytes = struct.unpack_from('<iII', data, 4)
    count_at = 16 + -(-name_bytes // 4) * 4
    return sec * 1_000_000_000 + nanosec, struct.unpack_from('<I', data, count_at)[0]


def watch(
    objects_topic: str, cycles: int, candidates: int = 0
) -> tuple[list[Objects], list[Response], Asker | None]:
    """All that is published in `cycles` cycles of the clock, beginning with the first that
    predicts somebody, and who asked about `candidates` in each. Raises PredictionNodeError if
    there is none.

    It listens for as long as the clock says, whether or not the node goes on.
    """
    context = rclpy.context.Context()
    rclpy.init(context=context)
    monitor = Monitor(context, objects_topic, candidates)
    try:

        def predicts() -> bool:
            return bool(monitor.responses and monitor.objects and monitor.objects[-1].count)

        if not monitor.spin_until(predicts, _FIRST_TIMEOUT_S):
            raise PredictionNodeError(
                f'the node predicted nobody within {_FIRST_TIMEOUT_S:.0f} s; see its output above'
            )
        monitor.objects.clear()
        monitor.responses.clear()
        if monitor.asker is not None:
            monitor.asker.clear()
        monitor.spin_until(lambda: False, cycles * STEP_NS / 1e9 + _AFTER_LAST_S)
    finally:
        monitor.close()
        rclpy.shutdown(context=context)
    return monitor.objects, monitor.responses, monitor.asker
