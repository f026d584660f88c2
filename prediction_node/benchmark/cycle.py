"""The whole cycle as a vehicle has it: node, publishers and listener in three processes over
DDS.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.domain.errors import PredictionNodeError
from prediction_node.lanelet.load import load_map
from prediction_node.middleware import profile_environment
from prediction_node.resources import share_path
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.messages import MESSAGE_TYPES
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.simulation.traffic import make_traffic
from prediction_node.simulation.verdict.cycles import clock_cycles
from prediction_node.vehicle.bag import write_bag

_WARM_UP_CYCLES = 50
_PERIOD_NS = 100_000_000


def busy_suite() -> SuiteParameters:
    """The sixteen corner sensors, each seeing 100 degrees and 200 m, nothing hidden, nothing cold.

    All look out from the middle of the roof, where no triangle between two of them is blind: every
    object is on the wire at least once per modality.
    """
    suite = corner_suite(
        x_m=1.4, y_m=0.0, field_of_view_deg=100.0, range_m=200.0, warm_bodies_only=False
    )
    return dataclasses.replace(suite, occlusion=False)


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
            f'        type: {MESSAGE_TYPES[sensor.kind]}',
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
        suite = busy_suite()
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
                figures = _listen(cycles, args.candidates)
    return {
        'cycle': {
            'agents': args.agents,
            'rate_msgs_per_s': round(messages / seconds, 1),
            **figures,
        }
    }


def _listen(cycles: int, candidates: int) -> dict[str, Any]:
    from prediction_node.ros.monitor import watch  # rclpy is needed from here on only

    objects, responses, asker = watch(
        '/perception/object_recognition/objects', _WARM_UP_CYCLES + cycles + 2, candidates
    )
    figures = _figures(
        [(o.received_ns, o.stamp_ns, o.count) for o in objects],
        [(r.received_ns, r.stamp_ns, r.response_ms) for r in responses],
        _WARM_UP_CYCLES,
        cycles,
    )
    if asker is not None:
        figures |= _answer_figures(asker.took_ms[_WARM_UP_CYCLES:], figures['p50_ms'])
        figures |= {'asked': asker.asked, 'answers': asker.answers, 'candidates': candidates}
    return figures


def _answer_figures(took_ms: list[float], cycle_ms: float) -> dict[str, Any]:
    """Of the times that requests took from their turn until all answers were out. Raises
    PredictionNodeError when none was answered.
    """
    if not took_ms:
        raise PredictionNodeError('no request was answered after the warm-up')
    p50, p99 = np.percentile(took_ms, [50, 99])
    return {
        'answers_p50_ms': round(float(p50), 2),
        'answers_p99_ms': round(float(p99), 2),
        'answers_per_cycle': round(float(p50) / cycle_ms, 2),
    }


def _figures(
    objects: list[tuple[int, int, int]],
    responses: list[tuple[int, int, float]],
    warm_up: int,
    cycles: int,
) -> dict[str, Any]:
    """Figures of the `cycles` cycles of the clock after `warm_up` ones.

    `objects` are (received, stamp, number of road users), `responses` (received, stamp, response in
    ms); instants in ns, received on the steady clock that the node's releases are on. A miss is a
    response above 100 ms (late), a cycle without a response (silent), or one whose predictions did
    not reach the listener (lost); every cycle counts once. Raises PredictionNodeError when nothing
    came after the warm-up.
    """
    cycle_of = _cycles_of(responses)
    inside = [i for i, c in enumerate(cycle_of) if warm_up <= c < warm_up + cycles]
    if not inside:
        raise PredictionNodeError(f'none of {cycles} cycles was seen after {warm_up} to warm up')
    arrived: dict[int, list[tuple[int, int]]] = {}
    for received_ns, stamp_ns, count in objects:
        arrived.setdefault(stamp_ns, []).append((received_ns, count))
    # Each response takes the earliest message of its stamp that no other has taken.
    taken = [arrived[stamp].pop(0) if arrived.get(stamp) else None for _, stamp, _ in responses]
    seen = [message for i in inside if (message := taken[i]) is not None]
    response_ms = np.array([responses[i][2] for i in inside])
    late = response_ms > _PERIOD_NS / 1e6
    lost = np.array([taken[i] is None for i in inside])
    silent = cycles - len(inside)
    p50, p99, p999 = np.percentile(response_ms, [50, 99, 99.9])
    gaps_ms = np.diff([received_ns for received_ns, _ in seen]) / 1e6
    return {
        'p50_ms': round(float(p50), 2),
        'p99_ms': round(float(p99), 2),
        'p999_ms': round(float(p999), 2),
        'misses': int((late | lost).sum()) + silent,
        'cycles': cycles,
        'late': int(late.sum()),
        'silent': silent,
        'lost': int(lost.sum()),
        'received': len(seen),
        'max_gap_ms': round(float(gaps_ms.max(initial=0.0)), 1),
        'objects_p50': int(np.median([count for _, count in seen])) if seen else 0,
    }


def _cycles_of(responses: list[tuple[int, int, float]]) -> list[int]:
    """The cycle of the clock each response belongs to, the first one's being 0.

    Received minus response is the scheduled release plus the way to the listener.
    """
    if not responses:
        return []
    released_ns = np.array([r - round(ms * 1e6) for r, _, ms in responses], np.int64)
    cycle, _ = clock_cycles(released_ns)
    return [int(c) for c in cycle - cycle[0]]


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
