"""One scene from its request: city, world, map, sensors, files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from prediction_node.domain.errors import SimulationError
from prediction_node.domain.recording import Recording
from prediction_node.generation.agent_seconds import agent_seconds, agents_by_class
from prediction_node.generation.report import Rejection, SceneReport
from prediction_node.generation.request import SceneRequest
from prediction_node.generation.scene_file import LearningScene, write_scene_file
from prediction_node.generation.workers import OnProgress
from prediction_node.lanelet.write import write_lanelet2
from prediction_node.simulation.city_map import lane_map_of
from prediction_node.simulation.network.city import City, build_city
from prediction_node.simulation.scenario import Scenario, random_scenario, scenario_text
from prediction_node.simulation.scenario.traffic import Weather
from prediction_node.simulation.sensors.parameters import SuiteParameters
from prediction_node.simulation.sensors.suite import rows_in_view
from prediction_node.simulation.sensors.walls import Walls
from prediction_node.simulation.world.record import record
from prediction_node.simulation.world.world import WARM_UP_S
from prediction_node.vehicle.bag import write_bag

BAG, MAP, SCENE, SCENARIO = 'bag', 'map.osm', 'scene.npz', 'scenario.yaml'
MAX_WINDOWS = 8  # thrown away in a row before a scene is given up
VIEW_EVERY = 5  # instants of 0.1 s between two of visibility
SEARCH_SHARE = 0.2  # of the duration, for which a city has traffic beyond it
EVENTS_SHARE = 0.8  # of the duration, in which scripted events begin
RECORDED_SHARE = 0.3  # of the work of a bag, when the world is recorded


def window_seed(seed: int, window: int) -> int:
    """The seed of a scene's first, second ... world. The first is the scene's own."""
    if window == 0:
        return seed
    digest = hashlib.blake2b(f'{seed}/{window}'.encode(), digest_size=4).digest()
    return int.from_bytes(digest, 'little') >> 1


@dataclass(frozen=True, slots=True, eq=False)
class _Drive:
    """A window that was kept, and the city it was seen in."""

    city: City
    recording: Recording
    counts: Mapping[str, int]


def make_scene(request: SceneRequest, folder: Path, on_progress: OnProgress) -> SceneReport:
    """Write the files of one scene to `folder`. Raises SimulationError and others of the package.

    Windows that the world rejects are replaced by those of other seeds, MAX_WINDOWS at most.
    """
    rejected: list[Rejection] = []
    for window in range(MAX_WINDOWS):
        seed = window_seed(request.seed, window)
        with TemporaryDirectory(prefix='city_') as place:
            drive = _drive(request, seed, Path(place), on_progress)
            if isinstance(drive, str):
                rejected.append(Rejection(seed, drive))
                continue
            return _write(request, seed, drive, rejected, folder, on_progress)
    raise SimulationError(
        f'{MAX_WINDOWS} windows in a row were rejected, the last with: {rejected[-1].reason}'
    )


def _drive(request: SceneRequest, seed: int, place: Path, on_progress: OnProgress) -> _Drive | str:
    """A drive through a city of its own; why it is to be thrown away, if it is."""
    scenario = request.scenario or random_scenario(seed)
    wanted_s = request.duration_s
    city = city_for(scenario, seed, place, wanted_s)
    share = RECORDED_SHARE if not request.scenes_only else 1.0
    result = record(
        city,
        wanted_s,
        seed,
        search_share=SEARCH_SHARE,
        progress=lambda done_s: on_progress(share * done_s / wanted_s),
    )
    if result.rejected is not None:
        return result.rejected
    recording = result.recording
    if recording.ego is None or not recording.valid[recording.ego].all():
        return 'robotaxi: it was not there all the time'
    return _Drive(city, recording, result.counts)


def city_for(scenario: Scenario, seed: int, place: Path, duration_s: float) -> City:
    """A city whose traffic lasts as long as a window may take, and whose scripted events begin
    early enough to be seen in it.
    """
    return build_city(
        scenario,
        seed,
        place,
        WARM_UP_S + (1.0 + SEARCH_SHARE) * duration_s,
        events_s=(WARM_UP_S + 0.5, WARM_UP_S + EVENTS_SHARE * duration_s),
    )


def _write(
    request: SceneRequest,
    seed: int,
    drive: _Drive,
    rejected: Sequence[Rejection],
    folder: Path,
    on_progress: OnProgress,
) -> SceneReport:
    recording, city = drive.recording, drive.city
    messages = 0
    map_file = folder / MAP
    write_lanelet2(lane_map_of(city), map_file)
    if request.scenes_only:
        scene = learning_scene(city, recording, request.suite, map_file.read_bytes())
        map_file.unlink()
        write_scene_file(scene, folder / SCENE)
    else:
        (folder / SCENARIO).write_text(scenario_text(city.scenario), encoding='utf-8')
        messages = write_bag(
            recording,
            suite_in(city.scenario.weather, request.suite),
            seed,
            folder / BAG,
            lambda done: on_progress(RECORDED_SHARE + (1.0 - RECORDED_SHARE) * done),
            buildings=city.buildings,
        )
    return SceneReport(
        scenario=city.scenario.name,
        seed=seed,
        agents=agents_by_class(recording),
        agent_seconds=round(agent_seconds(recording), 1),
        messages=messages,
        counts=drive.counts,
        rejected=tuple(rejected),
        conditions=_conditions(city.scenario),
    )


def learning_scene(
    city: City, recording: Recording, suite: SuiteParameters, map_osm: bytes
) -> LearningScene:
    """A recording with what the sensors could see of it in the weather of its city."""
    suite = suite_in(city.scenario.weather, suite)
    view_stamp_ns, in_view = visibility(recording, suite, city.buildings)
    return LearningScene(
        recording=recording,
        sensors=tuple(suite.sensors),
        view_stamp_ns=view_stamp_ns,
        in_view=in_view,
        map_osm=map_osm,
        conditions=_conditions(city.scenario),
    )


def suite_in(weather: Weather, suite: SuiteParameters) -> SuiteParameters:
    """The sensors in the weather of a scenario; what the suite says already is not made better."""
    return dataclasses.replace(
        suite,
        night=suite.night or weather.night,
        visibility_m=min(suite.visibility_m, weather.visibility_m),
    )


def visibility(
    recording: Recording, suite: SuiteParameters, buildings: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Instants (V,) and whom each sensor could report at them (S, N, V) bool, dropouts apart."""
    stamp_ns = recording.stamp_ns[::VIEW_EVERY]
    out = np.zeros((len(suite.sensors), len(recording.track_id), len(stamp_ns)), dtype=bool)
    walls = Walls.of(buildings)
    for k, instant_ns in enumerate(stamp_ns.tolist()):
        rows = rows_in_view(recording, suite, instant_ns, buildings=walls)
        for s, name in enumerate(suite.sensors):
            out[s, rows[name], k] = True
    return stamp_ns, out


def _conditions(scenario: Scenario) -> dict[str, Any]:
    """The scenario as it was, plain enough for JSON."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(scenario)))
    return values
