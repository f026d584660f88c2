"""What a run needs before it begins: city, map, sensors, route, and the node's parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prediction_node.config import NODE_NAME, Config, from_flat
from prediction_node.domain.lane_map import LaneMap
from prediction_node.inference.parameters import EngineParameters
from prediction_node.lanelet.write import write_lanelet2
from prediction_node.simulation.city_map import lane_map_of, route_lanes
from prediction_node.simulation.network.city import City, build_city
from prediction_node.simulation.network.vehicle_types import BODIES
from prediction_node.simulation.planner.itinerary import Itinerary
from prediction_node.simulation.scenario import Scenario
from prediction_node.simulation.sensors.corners import corner_suite
from prediction_node.simulation.sensors.messages import MESSAGE_TYPES
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.simulation.world.world import WARM_UP_S

MAP_FILE, PARAMETER_FILE = 'map.osm', 'prediction.yaml'
# Demand goes on for this long after the run: nobody shall see the city fall empty.
_AFTER_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """One scenario built up in a folder."""

    folder: Path
    city: City
    lane_map: LaneMap
    suite: SuiteParameters
    seed: int
    engine: EngineParameters = field(default_factory=EngineParameters)

    @property
    def map_path(self) -> Path:
        return self.folder / MAP_FILE

    @property
    def parameter_path(self) -> Path:
        return self.folder / PARAMETER_FILE

    @property
    def ego_size_m(self) -> tuple[float, float, float]:
        """Length, width and height of the robotaxi."""
        body = BODIES['ego'][0]
        return body.length_m, body.width_m, body.height_m

    def route(self) -> Itinerary:
        """The streets of the robotaxi's route, in order."""
        return Itinerary(self.lane_map, route_lanes(self.city, self.lane_map))


def build_stand(
    scenario: Scenario,
    seed: int,
    duration_s: float,
    folder: Path,
    suite: SuiteParameters | None = None,
    engine: EngineParameters | None = None,
) -> Stand:
    """Build city and map in a folder, for a run of `duration_s` after the world's warm-up.

    The same arguments make the same city. Raises SimulationError, MapError.
    """
    city = build_city(scenario, seed, folder / 'city', WARM_UP_S + duration_s + _AFTER_S)
    lane_map = lane_map_of(city)
    weather = scenario.weather
    seen = suite or corner_suite()
    seen = dataclasses.replace(
        seen,
        night=seen.night or weather.night,
        visibility_m=min(seen.visibility_m, weather.visibility_m),
    )
    return Stand(folder, city, lane_map, seen, seed, engine or EngineParameters())


def write_stand(stand: Stand) -> None:
    """The files that the node needs: the map, and parameters that name it and all sensors."""
    write_lanelet2(stand.lane_map, stand.map_path)
    values = node_parameters(stand.suite, stand.map_path, stand.engine)
    tree = {NODE_NAME: {'ros__parameters': values}}
    stand.parameter_path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding='utf-8')


def node_parameters(
    suite: SuiteParameters, map_path: Path | None, engine: EngineParameters | None = None
) -> dict[str, Any]:
    """The node's parameters for these sensors and this engine, as a flat mapping of names to
    values.
    """
    values: dict[str, Any] = {'sources.names': list(suite.sensors)}
    if engine is not None:
        values |= {'engine.name': engine.name, 'engine.model_path': engine.model_path}
    if map_path is not None:
        values['map.path'] = str(map_path.resolve())
    for name, sensor in suite.sensors.items():
        values |= {
            f'sources.{name}.topic': topic_of(name, sensor),
            f'sources.{name}.type': MESSAGE_TYPES[sensor.kind],
            f'sources.{name}.modality': sensor.modality,
            f'sources.{name}.rate_hz': float(sensor.rate_hz),
        }
    return values


def node_config(suite: SuiteParameters, engine: EngineParameters | None = None) -> Config:
    """The same as the pipeline takes it; the map is handed over apart."""
    values = node_parameters(suite, None, engine)
    values['sources.names'] = tuple(values['sources.names'])
    return from_flat(values)


def modalities(suite: SuiteParameters) -> Mapping[str, str]:
    """Modality of each sensor."""
    return {name: sensor.modality for name, sensor in suite.sensors.items()}


def periods_ms(suite: SuiteParameters) -> dict[str, float]:
    """Period of each sensor."""
    return {name: 1000.0 / sensor.rate_hz for name, sensor in suite.sensors.items()}
