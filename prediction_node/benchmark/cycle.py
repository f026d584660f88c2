"""The whole cycle as a vehicle has it: node, publishers and listener in three processes over
DDS.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.benchmark.traffic import make_traffic
from prediction_node.domain.errors import PredictionNodeError
from prediction_node.domain.kinds import MODALITY_NAMES, Modality
from prediction_node.importers.to_bag import write_bag
from prediction_node.lanelet.load import load_map
from prediction_node.middleware import profile_environment
from prediction_node.resources import share_path
from prediction_node.simulation.sensors.parameters import SuiteParameters, default_sensor

_WARM_UP_CYCLES = 50
_CORNERS = {'front_left': 45.0, 'rear_left': 135.0, 'rear_right': -135.0, 'front_right': -45.0}
_TYPES = {
    Modality.CAMERA: 'vision_msgs/msg/Detection3DArray',
    Modality.THERMAL: 'vision_msgs/msg/Detection3DArray',
    Modality.LIDAR: 'autoware_perception_msgs/msg/TrackedObjects',
    Modality.RADAR: 'radar_msgs/msg/RadarTracks',
}


def corner_suite() -> SuiteParameters:
    """Four sensors of each modality at the corners, each seeing 100 degrees, nothing hidden.

    Nothing is hidden and nothing cold, so that the number of objects on the wire is the number
    asked for.
    """
    sensors = {
        f'{MODALITY_NAMES[modality]}_{corner}': default_sensor(
            modality,
            yaw_deg=yaw,
            field_of_view_deg=100.0,
            range_m=200.0,
            warm_bodies_only=False,
            topic=f'/perception/{MODALITY_NAMES[modality]}/{corner}/tracks',
        )
        for modality in Modality
        for corner, yaw in _CORNERS.items()
    }
    return SuiteParameters(occlusion=False, sensors=sensors)


def node_parameters(suite: SuiteParameters, map_path: Path) -> str:
    """The node's parameter file for these sensors and this map."""
    lines = [
        'prediction:',
        '  ros__parameters:',
        '    map:',
        f'      path: {map_path}',
        '    sources:',
    ]
    lines.append(f'      names: [{", ".join(suite.sensors)}]')
    for name, sensor in suite.sensors.items():
        lines += [
            f'      {name}:',
            f'        topic: {sensor.topic}',
            f'        type: {_TYPES[sensor.kind]}',
            f'        modality: {sensor.modality}',
            f'        rate_hz: {float(sensor.rate_hz)}',
        ]
    return '\n'.join(lines) + '\n'


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Figures of `args.cycles` cycles after warm-up; see docs/benchmarks.md for what is
    measured.
    """
    cycles = int(args.cycles)
    seconds = (cycles + _WARM_UP_CYCLES) / 10 + 5.0
    environment = {
        **os.environ,
        'ROS_DOMAIN_ID': os.environ.get('ROS_DOMAIN_ID', str(100 + os.getpid() % 100)),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'OPENBLAS_NUM_THREADS': '1',
        **profile_environment(os.environ, share_path('config')),
    }
    os.environ.update(environment)  # the listener lives in this process
    with tempfile.TemporaryDirectory(prefix='prediction_cycle_') as folder:
        bag = Path(folder) / 'bag'
        map_path = share_path('samples', 'lankershim', 'map.osm')
        suite = corner_suite()
        lane_map = load_map(map_path)
        print(f'simulating {seconds:.0f} s of {args.agents} road users ...', file=sys.stderr)
        traffic = make_traffic(lane_map, args.agents, seconds)
        messages = write_bag(traffic, suite, 0, bag)
        parameters = Path(folder) / 'parameters.yaml'
        parameters.write_text(node_parameters(suite, map_path))
        first_topic = next(iter(suite.sensors.values())).topic
        with _process('prediction_node.ros.node', '--ros-args', '--params-file', str(parameters)):
            wait = ['--wait-for', first_topic, '/localization/odometry']
            with _process('prediction_node.ros.player', str(bag), *wait):
                print(f'measuring {cycles} cycles ...', file=sys.stderr)
                figures = _listen(cycles)
    return {
        'cycle': {
            'agents': args.agents,
            'rate_msgs_per_s': round(messages / seconds, 1),
            **figures,
        }
    }


def _listen(cycles: int) -> dict[str, Any]:
    from prediction_node.ros.monitor import watch  # rclpy is needed from here on only

    responses_ms, received_ns = watch(
        '/perception/object_recognition/objects', _WARM_UP_CYCLES, cycles
    )
    return _figures(np.array(responses_ms), np.array(received_ns), cycles)


def _figures(responses_ms: np.ndarray, received_ns: np.ndarray, cycles: int) -> dict[str, Any]:
    """Release to published as the node reports it; gaps and misses as the listener sees them."""
    if len(responses_ms) < 2 or len(received_ns) < 2:
        raise PredictionNodeError(f'only {len(responses_ms)} of {cycles} cycles were seen')
    span_cycles = round((received_ns[-1] - received_ns[0]) / 1e8) + 1
    gaps_ms = np.diff(received_ns) / 1e6
    p50, p99, p999 = np.percentile(responses_ms, [50, 99, 99.9])
    silent = max(0, span_cycles - len(received_ns))
    return {
        'p50_ms': round(float(p50), 2),
        'p99_ms': round(float(p99), 2),
        'p999_ms': round(float(p999), 2),
        'misses': int((responses_ms > 100.0).sum()) + silent,
        'cycles': len(responses_ms),
        'received': len(received_ns),
        'max_gap_ms': round(float(gaps_ms.max()), 1),
    }


class _process:
    """A Python module as a child process, stopped by SIGTERM at the end of the block."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = [sys.executable, '-m', module, *arguments]

    def __enter__(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(self._command)
        return self._child

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
