"""The simulator node: the city, the vehicle's sensors and its body, in real time.

`python -m prediction_node.ros.hil.simulator FOLDER`. The world is computed ahead in a thread of its
own; the main thread sends each message when its time has come and takes the planner's trajectory in
between.
"""

from __future__ import annotations

import argparse
import collections
import sys
import threading
import time
from pathlib import Path

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Int64MultiArray

from prediction_node import cdr
from prediction_node.bench.driver import trajectory_from
from prediction_node.bench.ride import Ride
from prediction_node.bench.run_file import RunFile
from prediction_node.domain.errors import MessageError, PredictionNodeError, SimulationError
from prediction_node.domain.stamps import nanoseconds, to_sec_nanosec
from prediction_node.ros import quality
from prediction_node.ros.hil.process import (
    NEWEST,
    START,
    START_TOPIC,
    TRAJECTORY,
    run_process,
    settled,
)
from prediction_node.simulation.planner.candidates import Trajectory
from prediction_node.simulation.sensors.messages import MESSAGE_TYPES
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.vehicle.messages import ODOMETRY, SIGNALS, TF, TF_STATIC, TRUTH, BagMessage

_TYPES = {
    TF_STATIC: 'tf2_msgs/msg/TFMessage',
    TF: 'tf2_msgs/msg/TFMessage',
    ODOMETRY: 'nav_msgs/msg/Odometry',
    SIGNALS: 'autoware_perception_msgs/msg/TrafficLightGroupArray',
    TRUTH: 'autoware_perception_msgs/msg/TrackedObjects',
}
_CLOCK = '/clock'
_CLOCK_TICK_NS = 10_000_000
_LOOK_AROUND_NS = 1_000_000_000
_BEFORE_START_S = 0.5
_AFTER_END_S = 0.8  # the monitor listens a little longer
_LATE_NS = 20_000_000
# The thread that computes must not keep the one that sends waiting for the interpreter.
_SWITCH_INTERVAL_S = 0.001
_LONGEST_WAIT_S = 0.05
_SENSOR = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)


class Simulator:
    """Publishers, the plan's subscription, and the ride."""

    def __init__(self, run: RunFile, folder: Path) -> None:
        """Raises what building the stand raises."""
        self._run, self._settings = run, run.load_settings()
        stand = run.build_stand(folder / 'simulator')
        self._ride = Ride(stand, self._settings, run.parsed_faults())
        self._node = Node('simulator')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._publishers = self._make_publishers(stand.suite)
        self._first_sensor = topic_of(*next(iter(stand.suite.sensors.items())))
        self._start = self._node.create_publisher(Int64MultiArray, START_TOPIC, START)
        trajectory = quality.message_class('autoware_planning_msgs/msg/Trajectory')
        self._node.create_subscription(trajectory, TRAJECTORY, self._on_plan, NEWEST, raw=True)
        self._plan: Trajectory | None = None
        self._queue: collections.deque[BagMessage] = collections.deque()
        self._failure: BaseException | None = None
        self._computed = threading.Event()
        self._wall_ns = 0  # steady clock at stamp zero
        self.sent = self.late = 0
        self.plans_refused = 0

    def _refuse_company(self) -> None:
        """Raises SimulationError if somebody else drives a vehicle on this domain."""
        for topic in self._publishers:
            if self._node.count_publishers(topic) > 1:
                raise SimulationError(
                    f'somebody publishes {topic} on this ROS domain already: stop it, or set '
                    'another ROS_DOMAIN_ID'
                )

    def _make_publishers(self, suite: SuiteParameters) -> dict[str, Publisher]:
        types = {topic_of(n, s): MESSAGE_TYPES[s.kind] for n, s in suite.sensors.items()}
        if self._run.use_clock:
            types[_CLOCK] = 'rosgraph_msgs/msg/Clock'
        return {
            topic: self._node.create_publisher(
                quality.message_class(kind),
                topic,
                quality.STATIC_TRANSFORMS if topic == TF_STATIC else _SENSOR,
            )
            for topic, kind in {**_TYPES, **types}.items()
        }

    def wait_for_listeners(self) -> None:
        """Until node, planner and monitor listen. Raises PredictionNodeError when they do not, or
        when another vehicle speaks.
        """
        wanted = {self._first_sensor: 1, TF_STATIC: 1, ODOMETRY: 3, TRUTH: 1}
        if self._run.use_clock:
            wanted[_CLOCK] = 1
        timeout_s = self._settings.time.ready_s
        end = time.monotonic() + timeout_s
        while True:
            self._refuse_company()
            missing = [
                topic
                for topic, count in wanted.items()
                if self._publishers[topic].get_subscription_count() < count
            ]
            if not missing:
                return
            if time.monotonic() > end:
                raise PredictionNodeError(
                    f'node, planner and monitor do not all listen on {", ".join(missing)} after '
                    f'{timeout_s:g} s; see their output'
                )
            self._executor.spin_once(timeout_sec=0.05)

    def play(self) -> None:
        """The settling time and the run. Raises SimulationError if the world fails."""
        settled()
        ahead_ns = nanoseconds(self._settings.time.settle_s + _BEFORE_START_S)
        steady_ns = time.monotonic_ns() + ahead_ns
        zero_ns = time.time_ns() + ahead_ns
        self._wall_ns = steady_ns - zero_ns
        end_ns = zero_ns + nanoseconds(self._run.duration_s + _AFTER_END_S)
        self._start.publish(Int64MultiArray(data=[steady_ns, zero_ns]))
        print(f'zero {steady_ns}', flush=True)
        self._queue.extend(self._ride.begin(zero_ns))
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        thread = threading.Thread(target=self._compute, args=(end_ns,), daemon=True)
        thread.start()
        self._send_until(end_ns)
        self._computed.set()
        thread.join(5.0)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._ride.close()
        self._executor.shutdown()
        self._node.destroy_node()

    def _compute(self, end_ns: int) -> None:
        lead_ns = nanoseconds(self._settings.time.lead_s)
        try:
            while self._ride.now_ns < end_ns and not self._computed.is_set():
                wait_s = (self._ride.now_ns - lead_ns + self._wall_ns - time.monotonic_ns()) / 1e9
                if wait_s > 0.0:
                    self._computed.wait(wait_s)
                if self._plan is not None:
                    self._ride.take_plan(self._plan)
                self._queue.extend(self._ride.step())
        except BaseException as failure:  # told by the main thread
            self._failure = failure

    def _send_until(self, end_ns: int) -> None:
        tick_ns = self._ride.now_ns if self._run.use_clock else end_ns
        look_ns = self._ride.now_ns
        while self._failure is None:
            now_ns = time.monotonic_ns() - self._wall_ns
            if now_ns >= end_ns:
                return
            if look_ns <= now_ns:
                self._refuse_company()  # whom discovery shows late
                look_ns = now_ns + _LOOK_AROUND_NS
            if tick_ns <= now_ns:
                self._tick(tick_ns)
                tick_ns += _CLOCK_TICK_NS
                continue
            if self._queue and self._queue[0].log_ns <= now_ns:
                message = self._queue.popleft()
                self.sent += 1
                self.late += now_ns - message.log_ns > _LATE_NS
                self._publishers[message.topic].publish(message.data)
                continue
            due_ns = min(self._queue[0].log_ns if self._queue else end_ns, tick_ns)
            wait_s = min((due_ns - now_ns) / 1e9, _LONGEST_WAIT_S if self._queue else 0.005)
            self._executor.spin_once(timeout_sec=wait_s)

    def _tick(self, stamp_ns: int) -> None:
        tick = Clock()
        tick.clock.sec, tick.clock.nanosec = to_sec_nanosec(stamp_ns)
        self._publishers[_CLOCK].publish(tick)

    def _on_plan(self, data: bytes) -> None:
        try:
            self._plan = trajectory_from(cdr.read_trajectory(data), self._settings.body)
        except MessageError:
            self.plans_refused += 1


def _work(folder: Path, run: RunFile, args: argparse.Namespace) -> int:
    simulator = Simulator(run, folder)
    try:
        simulator.wait_for_listeners()
        simulator.play()
    finally:
        simulator.close()
    print(f'late {simulator.late} of {simulator.sent}', flush=True)
    return 0


def main() -> int:
    return run_process('The simulated vehicle of a hil run, in real time.', _work, nice=0)


if __name__ == '__main__':
    sys.exit(main())
