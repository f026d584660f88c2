"""The monitor node: listens to everything, and writes figures and verdict when the run is over.

`python -m prediction_node.ros.hil.monitor FOLDER [--json FILE]`. It must run on the machine of the
simulator: both tell the time by the same steady clock.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Int64MultiArray

from prediction_node import cdr
from prediction_node.bench.driver import ego_state, ego_truth
from prediction_node.bench.run_file import RunFile
from prediction_node.command_line import write_json
from prediction_node.domain.errors import MessageError, PredictionNodeError
from prediction_node.domain.stamps import from_sec_nanosec
from prediction_node.ros import quality
from prediction_node.ros.hil.process import (
    OBJECTS,
    PATIENT,
    RESPONSE,
    START,
    START_TOPIC,
    run_process,
    settled,
)
from prediction_node.simulation.futures import Futures
from prediction_node.simulation.verdict.diagnosis import NOMINAL, Diagnosis
from prediction_node.simulation.verdict.report import report
from prediction_node.simulation.verdict.truth import Truth
from prediction_node.simulation.verdict.watch import RunTime, Watch
from prediction_node.vehicle.messages import ODOMETRY, TRUTH

REPORT_FILE = 'report.json'
_AFTER_END_NS = 1_000_000_000  # for what is still under way
_NODE = 'prediction: '
_INPUT = 'input '


class MonitorNode(Node):
    """Callbacks translate; the watch counts."""

    def __init__(self, run: RunFile) -> None:
        super().__init__('monitor')
        self._run, self._settings = run, run.load_settings()
        self._size_m = np.array(run.ego_size_m)
        self.watch: Watch | None = None
        self.crowded = False  # more than one node predicts
        self.create_subscription(Int64MultiArray, START_TOPIC, self._on_start, START)
        objects = quality.message_class('autoware_perception_msgs/msg/PredictedObjects')
        stamped = quality.message_class('autoware_internal_debug_msgs/msg/Float64Stamped')
        tracked = quality.message_class('autoware_perception_msgs/msg/TrackedObjects')
        odometry = quality.message_class('nav_msgs/msg/Odometry')
        self.create_subscription(objects, OBJECTS, self._on_objects, PATIENT, raw=True)
        self.create_subscription(stamped, RESPONSE, self._on_response, PATIENT)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, PATIENT)
        self.create_subscription(tracked, TRUTH, self._on_truth, PATIENT, raw=True)
        self.create_subscription(odometry, ODOMETRY, self._on_odometry, PATIENT, raw=True)

    @property
    def over(self) -> bool:
        """Whether the run and what follows it are over."""
        watch = self.watch
        return watch is not None and time.monotonic_ns() > watch.time.end_ns + _AFTER_END_NS

    def _on_start(self, message: Int64MultiArray) -> None:
        steady_ns, stamp_ns = message.data
        self.crowded = self.count_publishers(OBJECTS) > 1
        self.watch = Watch(
            RunTime(steady_ns, stamp_ns, self._run.duration_s),
            self._run.parsed_faults(),
            self._size_m,
            self._settings.verdict,
        )

    def _on_objects(self, data: bytes) -> None:
        received_ns = time.monotonic_ns()
        if self.watch is None:
            return
        try:
            futures = Futures.of_message(cdr.read_predicted_objects(data))
        except (MessageError, ValueError):
            self.watch.on_unreadable(received_ns)
            return
        self.watch.on_predictions(received_ns, futures)

    def _on_response(self, message: Any) -> None:
        if self.watch is not None:
            stamp_ns = from_sec_nanosec(message.stamp.sec, message.stamp.nanosec)
            self.watch.on_response(time.monotonic_ns(), stamp_ns, float(message.data))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        diagnosis = read_diagnosis(message, time.monotonic_ns())
        if self.watch is not None and diagnosis is not None:
            self.watch.on_diagnosis(diagnosis)

    def _on_truth(self, data: bytes) -> None:
        if self.watch is not None:
            self.watch.on_truth(Truth.of_message(cdr.read_tracked_objects(data)))

    def _on_odometry(self, data: bytes) -> None:
        if self.watch is None:
            return
        try:
            arrays = cdr.read_odometry(data)
        except MessageError:
            return  # spoiled on purpose
        self.watch.on_ego(ego_truth(ego_state(arrays, self._settings.body, self._size_m)))


def read_diagnosis(message: DiagnosticArray, received_ns: int) -> Diagnosis | None:
    """What the node says of its mode and inputs; None if the message says nothing of the cycle."""
    cycle, faulty = None, {}
    for status in message.status:
        if not status.name.startswith(_NODE):
            continue
        name = status.name[len(_NODE) :]
        if name == 'cycle':
            cycle = status
        elif name.startswith(_INPUT) and status.level != DiagnosticStatus.OK:
            values = {pair.key: pair.value for pair in status.values}
            faulty[name[len(_INPUT) :]] = values.get('state', status.message)
    if cycle is None:
        return None
    values = {pair.key: pair.value for pair in cycle.values}
    return Diagnosis(
        received_ns=received_ns,
        stamp_ns=int(values.get('stamp_ns', 0)),
        mode=values.get('mode', NOMINAL),
        reasons=cycle.message,
        faulty=faulty,
    )


def _work(folder: Path, run: RunFile, args: argparse.Namespace) -> int:
    node = MonitorNode(run)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    settled()
    try:
        while not node.over:
            executor.spin_once(timeout_sec=0.2)
    finally:
        executor.shutdown()
        node.destroy_node()
    assert node.watch is not None
    if node.crowded:
        raise PredictionNodeError(
            f'more than one node publishes {OBJECTS} on this ROS domain: stop the other, or set '
            'another ROS_DOMAIN_ID'
        )
    figures = report(node.watch, run.periods_ms)
    write_json(args.json or folder / REPORT_FILE, figures)
    return 0


def main() -> int:
    return run_process(
        'The monitor of a hil run.',
        _work,
        nice=2,
        json={'type': Path, 'default': None, 'help': 'where to write the figures'},
    )


if __name__ == '__main__':
    sys.exit(main())
