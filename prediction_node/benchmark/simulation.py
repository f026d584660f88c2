"""How much simulated traffic a second of processor time makes: scenes, and through the pipeline."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from prediction_node.config import Config
from prediction_node.domain.errors import SimulationError
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import STEP_NS
from prediction_node.generation.agent_seconds import agent_seconds
from prediction_node.generation.make import (
    MAP,
    SEARCH_SHARE,
    city_for,
    learning_scene,
    suite_in,
)
from prediction_node.generation.scene_file import write_scene_file
from prediction_node.generation.workers import cpu_time_s
from prediction_node.lanelet.write import write_lanelet2
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.simulation.city_map import lane_map_of
from prediction_node.simulation.network.city import City
from prediction_node.simulation.scenario import load_scenario, random_scenario
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.simulation.world.record import record
from prediction_node.vehicle.messages import messages

WARM_UP_SCENE_S = 10.0


class _Clock:
    """CPU time of parts, programs that they run included."""

    def __init__(self) -> None:
        self.parts_s: dict[str, float] = {}
        self._last_s = 0.0

    def start(self) -> None:
        """From here on the next lap counts."""
        self._last_s = cpu_time_s()

    def lap(self, part: str) -> None:
        now_s = cpu_time_s()
        self.parts_s[part] = self.parts_s.get(part, 0.0) + now_s - self._last_s
        self._last_s = now_s

    @property
    def total_s(self) -> float:
        return sum(self.parts_s.values())


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Scenes of `args.scenario`, `args.count` of them; agent-seconds by CPU-seconds.

    A first short scene, which is not counted, compiles and imports what later ones find ready. The
    CPU time of windows that are thrown away is counted, their agents are not.
    """
    with tempfile.TemporaryDirectory(prefix='benchmark_') as place:
        _scene(args, args.seed, WARM_UP_SCENE_S, Path(place) / 'warm', _Clock())
        making, driving = _Clock(), _Clock()
        made_s = kept_s = 0.0
        rejected = releases = fused = 0
        for seed in range(args.seed, args.seed + args.count):
            folder = Path(place) / str(seed)
            city, recording = _scene(args, seed, args.duration, folder, making)
            rejected += recording is None
            if recording is None:
                continue
            made_s += agent_seconds(recording)
            kept_s += args.duration
            k, n = _through_the_pipeline(city, recording, seed, driving)
            releases, fused = releases + k, fused + n
    if not kept_s:
        raise SimulationError(f'all {args.count} windows were rejected: nothing to measure')
    return {
        'scenes': {
            'agents': made_s / kept_s,
            'rejected': rejected,
            'agent_seconds': made_s,
            **{f'{part}_cpu_s': value for part, value in making.parts_s.items()},
            'agent_seconds_per_cpu_s': made_s / making.total_s,
        },
        'sensors_and_fusion': {
            'releases': releases,
            'fused_agents': fused / max(releases, 1),
            **{f'{part}_cpu_s': value for part, value in driving.parts_s.items()},
            'agent_seconds_per_cpu_s': made_s / driving.total_s,
        },
    }


def _scene(
    args: argparse.Namespace, seed: int, duration_s: float, folder: Path, clock: _Clock
) -> tuple[City, Recording | None]:
    """One scene as `simulate --scenes-only` makes it; None if its window is rejected."""
    clock.start()
    scenario = random_scenario(seed) if args.scenario == 'random' else load_scenario(args.scenario)
    city = city_for(scenario, seed, folder, duration_s)
    clock.lap('city')
    result = record(city, duration_s, seed, search_share=SEARCH_SHARE)
    clock.lap('world')
    if result.rejected is not None:
        return city, None
    write_lanelet2(lane_map_of(city), folder / MAP)
    clock.lap('map')
    scene = learning_scene(city, result.recording, SuiteParameters(), (folder / MAP).read_bytes())
    clock.lap('visibility')
    write_scene_file(scene, folder / 'scene.npz')
    clock.lap('file')
    return city, result.recording


def _through_the_pipeline(
    city: City, recording: Recording, seed: int, clock: _Clock
) -> tuple[int, int]:
    """Sensors' messages as bytes into observation and fusion; releases, and agents in all."""
    config = Config()
    pipeline = Pipeline(config, lane_map_of(city))
    name_of = {each.topic: each.name for each in inputs(config)}
    suite = suite_in(city.scenario.weather, SuiteParameters())
    heard = messages(recording, suite, seed, buildings=city.buildings)
    release_ns = int(recording.stamp_ns[0]) + STEP_NS
    releases = agents = 0
    clock.start()
    for message in heard:
        clock.lap('sensors')
        while message.log_ns > release_ns:
            agents += len(pipeline.perceive(release_ns).agents)
            releases, release_ns = releases + 1, release_ns + STEP_NS
        if message.topic in name_of:
            pipeline.receive(name_of[message.topic], message.data, message.log_ns)
        clock.lap('observation_and_fusion')
    return releases, agents
