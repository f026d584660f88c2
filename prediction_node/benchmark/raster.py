"""How long drawing the raster of a scene takes."""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import Any

import numpy as np

from prediction_node.domain.agents import Ego
from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.recording import Recording
from prediction_node.domain.scene import History, Scene
from prediction_node.extraction.causal import history_until, observed_agents
from prediction_node.lanelet.load import load_map
from prediction_node.raster import Raster, Rasterizer, SceneDrawing, warm_up
from prediction_node.resources import share_path
from prediction_node.simulation.traffic import make_traffic

WARM_UP_STEPS = 30
STEPS = 300
_PAST_STEPS = 30
# The robotaxi goes round the middle of the city, about once: map it has not seen lies ahead.
_RADIUS_M = 60.0
_SPEED_MPS = 12.0
# Who moves farther in a step came to the end of his route and began it again.
_LONGEST_STEP_M = 3.0


def _scenes(lane_map: LaneMap, agents: int) -> list[Scene]:
    """Scenes 0.1 s apart: `agents` road users with their pasts, lights, the robotaxi."""
    count = WARM_UP_STEPS + STEPS
    recording = make_traffic(lane_map, agents - 1, 0.1 * (_PAST_STEPS + count))
    return [
        _scene(recording, lane_map, _PAST_STEPS + step, _SPEED_MPS / _RADIUS_M * 0.1 * step)
        for step in range(count)
    ]


def _scene(recording: Recording, lane_map: LaneMap, now: int, angle_rad: float) -> Scene:
    agents, row = observed_agents(recording, now)
    past = history_until(recording, row, now, _PAST_STEPS)
    jump = np.hypot(*np.moveaxis(np.diff(past.position_m, axis=1), -1, 0)) > _LONGEST_STEP_M
    unbroken = np.logical_and.accumulate(~jump[:, ::-1], axis=1)[:, ::-1]
    valid = past.valid.copy()
    valid[:, :-1] &= unbroken
    back_rad = angle_rad - _SPEED_MPS / _RADIUS_M * 0.1 * np.arange(_PAST_STEPS, -1, -1)
    middle = lane_map.centreline.points_m.mean(axis=0)
    place = middle[:2] + _RADIUS_M * np.column_stack([np.sin(back_rad), -np.cos(back_rad)])
    ego = Ego(
        stamp_ns=agents.stamp_ns,
        map_from_base=Transform.from_xyz_yaw(np.array([*place[-1], middle[2]]), angle_rad),
        velocity_mps=np.array([_SPEED_MPS, 0.0]),
        yaw_rate_radps=_SPEED_MPS / _RADIUS_M,
        size_m=np.array([4.9, 1.9, 1.7]),
    )
    own = History(
        position_m=place[None],
        yaw_rad=back_rad[None],
        velocity_mps=np.zeros((1, len(back_rad), 2)),
        valid=np.ones((1, len(back_rad)), bool),
    )
    lights = recording.lights[now]
    history = dataclasses.replace(past, valid=valid)
    return Scene(agents.stamp_ns, agents, history, ego, lane_map, lights, own)


def example_drawing(agents: int) -> SceneDrawing:
    """One of the scenes, sketched."""
    lane_map = load_map(share_path('samples', 'city', 'map.osm'))
    rasterizer = Rasterizer()
    return SceneDrawing(rasterizer, rasterizer.sketch(_scenes(lane_map, agents)[0]), Raster.blank())


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """`args.agents` road users in the sample city; milliseconds of one raster, both scales."""
    lane_map = load_map(share_path('samples', 'city', 'map.osm'))
    scenes = _scenes(lane_map, args.agents)
    warm_up()
    rasterizer = Rasterizer()
    started = time.perf_counter_ns()
    rasterizer.prepare(lane_map)
    prepare_ms = (time.perf_counter_ns() - started) / 1e6
    raster = Raster.blank()
    wall_ms, cpu_ms = [], []
    for scene in scenes:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        rasterizer.draw(scene, into=raster)
        wall_ms.append((time.perf_counter_ns() - wall) / 1e6)
        cpu_ms.append((time.thread_time_ns() - cpu) / 1e6)
    steady_ms, steady_cpu_ms = wall_ms[WARM_UP_STEPS:], cpu_ms[WARM_UP_STEPS:]
    return {
        'raster': {
            'agents': args.agents,
            'steps': STEPS,
            'p50_ms': float(np.percentile(steady_ms, 50)),
            'p99_ms': float(np.percentile(steady_ms, 99)),
            'max_ms': float(np.max(steady_ms)),
            'cpu_p50_ms': float(np.percentile(steady_cpu_ms, 50)),
            'prepare_ms': prepare_ms,
            'first_ms': wall_ms[0],  # all tiles around the robotaxi are drawn
        }
    }
