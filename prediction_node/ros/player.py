"""Plays a bag into a running graph in real time: the input side of benchmarks and integration
tests.

`python -m prediction_node.ros.player BAG [--rate R] [--loops N] [--clock] [--wait-for TOPIC ...]`.
On a vehicle use `ros2 bag play`; this one needs no ROS installation, sends the recorded bytes
untouched, and starts once somebody listens on the topics it is told to wait for.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock as ClockMessage

from prediction_node.bags.reader import BagReader
from prediction_node.domain.errors import PredictionNodeError
from prediction_node.ros import quality

_CLOCK_TICK_NS = 10_000_000
_MATCH_TIMEOUT_S = 60.0


def play(bag_path: Path, rate: float, loops: int, clock: bool, wait_for: list[str]) -> int:
    """Send every message at its time, the whole bag `loops` times without a pause. Returns how many
    were sent late by more than 50 ms.
    """
    with BagReader(bag_path) as bag:
        latched = {topic.name for topic in bag.topics if topic.name.endswith('tf_static')}
        types = {topic.name: topic.type for topic in bag.topics}
        events = [(log_ns, topic, bytes(data)) for log_ns, topic, _, data in bag.messages()]
    node = Node('bag_player')
    publishers = {
        name: node.create_publisher(
            quality.message_class(kind),
            name,
            quality.STATIC_TRANSFORMS
            if name in latched
            else QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE),
        )
        for name, kind in types.items()
    }
    clock_publisher = None
    if clock:
        clock_publisher = publishers['/clock'] = node.create_publisher(ClockMessage, '/clock', 10)
    _wait_for_listeners(node, [publishers[name] for name in wait_for])
    late = sum(_play_once(events, publishers, clock_publisher, rate) for _ in range(loops))
    node.destroy_node()
    return late


def _play_once(
    events: list[tuple[int, str, bytes]],
    publishers: dict[str, Publisher],
    clock_publisher: Publisher | None,
    rate: float,
) -> int:
    late = 0
    first_ns, start_ns = events[0][0], time.monotonic_ns()
    next_tick_ns = first_ns

    def wait_until(log_ns: int) -> int:
        due_ns = start_ns + int((log_ns - first_ns) / rate)
        now_ns = time.monotonic_ns()
        if due_ns > now_ns:
            time.sleep((due_ns - now_ns) / 1e9)
        return now_ns - due_ns

    for log_ns, topic, data in events:
        while clock_publisher is not None and next_tick_ns <= log_ns:
            wait_until(next_tick_ns)
            tick = ClockMessage()
            tick.clock.sec, tick.clock.nanosec = divmod(next_tick_ns, 1_000_000_000)
            clock_publisher.publish(tick)
            next_tick_ns += _CLOCK_TICK_NS
        late += wait_until(log_ns) > 50_000_000
        publishers[topic].publish(data)
    return late


def _wait_for_listeners(node: Node, publishers: list[Publisher]) -> None:
    end = time.monotonic() + _MATCH_TIMEOUT_S
    while any(p.get_subscription_count() == 0 for p in publishers):
        if time.monotonic() > end:
            missing = [p.topic_name for p in publishers if p.get_subscription_count() == 0]
            raise PredictionNodeError(
                f'nobody listens on {", ".join(missing)} after {_MATCH_TIMEOUT_S:.0f} s'
            )
        rclpy.spin_once(node, timeout_sec=0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description='Play a bag into a running ROS graph.')
    parser.add_argument('bag', type=Path)
    parser.add_argument('--rate', type=float, default=1.0, help='speed (default 1)')
    parser.add_argument('--loops', type=int, default=1, help='how often in a row (default 1)')
    parser.add_argument(
        '--clock', action='store_true', help='publish /clock every 10 ms of bag time'
    )
    parser.add_argument(
        '--wait-for',
        nargs='*',
        default=[],
        metavar='TOPIC',
        help='start when these have a listener',
    )
    args = parser.parse_args()
    rclpy.init()
    try:
        late = play(args.bag, args.rate, args.loops, args.clock, args.wait_for)
    except PredictionNodeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except RCLError:
        if rclpy.ok():
            raise
        return 0  # told to stop in the middle of a message
    finally:
        rclpy.try_shutdown()
    if late:
        print(f'{late} messages were sent more than 50 ms late', file=sys.stderr)
    return 0


if __name__ == '__main__':
    sys.exit(main())
