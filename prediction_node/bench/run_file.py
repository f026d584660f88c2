"""What one run is, as a file: simulator, planner and monitor read it, each in its own process."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prediction_node.bench.arms import arm_of
from prediction_node.bench.settings import BenchSettings, load_settings
from prediction_node.bench.stand import Stand, build_stand, modalities, periods_ms, write_stand
from prediction_node.domain.errors import DataError
from prediction_node.inference.parameters import EngineParameters
from prediction_node.simulation.city_map import route_lanes
from prediction_node.simulation.faults.grammar import Fault, parse_faults
from prediction_node.simulation.scenario import load_scenario

RUN_FILE = 'run.json'


@dataclass(frozen=True)
class RunFile:
    """One run. Paths are absolute, faults as on the command line."""

    scenario: str
    seed: int
    duration_s: float
    settings: str  # file; empty: config/hil.yaml
    faults: tuple[str, ...]
    use_clock: bool
    planner: str  # one of arms.ARMS
    model: str  # parameter engine.model_path of the node
    modalities: dict[str, str]  # of each sensor
    periods_ms: dict[str, float]
    streets: tuple[tuple[int, ...], ...]  # of the route: lanelet ids of each street's lanes
    ego_size_m: tuple[float, float, float]

    def load_settings(self) -> BenchSettings:
        """Raises as bench.settings.load_settings."""
        return load_settings(Path(self.settings) if self.settings else None)

    def parsed_faults(self) -> tuple[Fault, ...]:
        """Raises ParameterError."""
        return parse_faults(self.faults, self.modalities, self.duration_s)

    def build_stand(self, folder: Path) -> Stand:
        """The stand again, in a folder of its own."""
        engine = EngineParameters(name=arm_of(self.planner).engine, model_path=self.model)
        return stand_of(
            self.scenario, self.seed, self.duration_s, folder, self.load_settings(), engine
        )


def stand_of(
    scenario: str,
    seed: int,
    duration_s: float,
    folder: Path,
    settings: BenchSettings,
    engine: EngineParameters | None = None,
) -> Stand:
    """The stand of a scenario, for the settling time and the run. Raises as its parts do."""
    seconds = settings.time.settle_s + duration_s
    return build_stand(load_scenario(scenario), seed, seconds, folder, engine=engine)


def prepare(
    folder: Path,
    scenario: str,
    seed: int,
    duration_s: float,
    settings_path: Path | None = None,
    faults: Sequence[str] = (),
    *,
    use_clock: bool = False,
    planner: str = 'kinematic',
    model: str = '',
) -> tuple[RunFile, Stand]:
    """Build the city and write everything a run needs into a folder: map.osm and prediction.yaml
    for the node, run.json for the others.

    Raises DataError, ParameterError, SimulationError, MapError.
    """
    settings = load_settings(settings_path)
    engine = EngineParameters(name=arm_of(planner).engine, model_path=model)
    stand = stand_of(scenario, seed, duration_s, folder, settings, engine)
    parse_faults(faults, modalities(stand.suite), duration_s)
    write_stand(stand)
    ids = stand.lane_map.id
    run = RunFile(
        scenario=str(Path(scenario).resolve()) if Path(scenario).suffix else scenario,
        seed=seed,
        duration_s=duration_s,
        settings='' if settings_path is None else str(settings_path.resolve()),
        faults=tuple(faults),
        use_clock=use_clock,
        planner=planner,
        model=model,
        modalities=dict(modalities(stand.suite)),
        periods_ms=periods_ms(stand.suite),
        streets=tuple(
            tuple(int(ids[row]) for row in street)
            for street in route_lanes(stand.city, stand.lane_map)
        ),
        ego_size_m=stand.ego_size_m,
    )
    text = json.dumps(dataclasses.asdict(run), indent=2)
    (folder / RUN_FILE).write_text(text + '\n', encoding='utf-8')
    return run, stand


def read_run(folder: Path) -> RunFile:
    """The run prepared in a folder. Raises DataError naming the file."""
    path = folder / RUN_FILE
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        run = RunFile(**content)
        length, width, height = run.ego_size_m
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror}; prepare the run first') from None
    except (ValueError, TypeError) as error:
        raise DataError(f'{path} describes no run: {error}') from None
    return dataclasses.replace(
        run,
        faults=tuple(run.faults),
        streets=tuple(tuple(street) for street in run.streets),
        ego_size_m=(length, width, height),
    )
