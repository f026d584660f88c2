"""Samples of one recording, whatever its kind."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prediction_node.config import Config
from prediction_node.domain.errors import DataError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.groups import PLACE, SPAN
from prediction_node.extraction.sight import Sight
from prediction_node.extraction.truth_scenes import samples_of
from prediction_node.extraction.units import (
    AV2_FORECASTING,
    AV2_LOG,
    BAG,
    COMMONROAD,
    DUT,
    ETH_UCY,
    SCENE,
    SDD,
    VRU,
    Unit,
)
from prediction_node.learning.samples.sample import Sample
from prediction_node.map_source import map_from_file

Add = Callable[[Sample], None]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A recording that is about to be cut into samples; `tell` makes them, one after the other."""

    group: str
    origin: str
    tell: Callable[[Add], None]
    facts: Mapping[str, Any] = field(default_factory=dict)


def open_unit(unit: Unit, asking: Asking) -> Opened:
    """Raises DataError, BagError or MapError naming the file."""
    reader = _READERS.get(unit.kind)
    if reader is None:
        raise DataError(f'{unit.path}: recordings of kind {unit.kind} cannot be read')
    return reader(unit, asking)


def map_of_bytes(osm: bytes, config: Config) -> LaneMap:
    """The map of an OSM document in memory, as the vehicle reads it."""
    with tempfile.TemporaryDirectory(prefix='map_') as folder:
        file = Path(folder) / 'map.osm'
        file.write_bytes(osm)
        return map_from_file(file, config.map)


def city_group(osm: bytes) -> str:
    """One group for all drives through one simulated city: a city is known by its map."""
    return f'city-{hashlib.sha256(osm).hexdigest()[:16]}'


def _scene(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.generation.scene_file import read_scene_file

    config = Config()
    scene = read_scene_file(unit.path)
    sight = Sight.of_sensors(scene.sensors, scene.view_stamp_ns, scene.in_view, str(unit.path))
    group = city_group(scene.map_osm)
    samples = samples_of(
        scene.recording,
        map_of_bytes(scene.map_osm, config),
        asking,
        group=group,
        origin='simulated',
        sight=sight,
        true_headings=True,
        config=config,
    )
    return Opened(group, 'simulated', _each(samples))


def _bag(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.bags.reader import BagReader
    from prediction_node.extraction.bag_scenes import Drive
    from prediction_node.replay.topics import map_topics, require_odometry, types_read

    config = Config()
    osm = unit.map_path.read_bytes() if unit.map_path is not None else b''
    lane_map = map_from_file(unit.map_path, config.map) if unit.map_path is not None else None
    with BagReader(unit.path, types_read(config)) as bag:
        mapping = map_topics(bag.topics, config)
        span_ns = [bag.start_ns or 0, bag.end_ns or 0]
        facts = {'damage': [flaw.describe(bag.start_ns) for flaw in bag.damage]}
    require_odometry(mapping, unit.path)
    drive = Drive(unit.path, unit.name, mapping, lane_map, asking)
    simulated = (unit.path.parent / 'scenario.yaml').is_file() and unit.map_path is not None
    if simulated:
        return Opened(city_group(osm), drive.origin, drive.tell, facts)
    # Which other drives it meets is known when all are there; until then it is a group alone.
    dated = {SPAN: span_ns, PLACE: hashlib.sha256(osm).hexdigest() if osm else ''}
    return Opened(unit.name, drive.origin, drive.tell, {**facts, **dated})


def _commonroad(unit: Unit, asking: Asking) -> Opened:
    import dataclasses

    from prediction_node.importers.commonroad import read_commonroad

    recording, lane_map = read_commonroad(unit.path)
    # Nobody in it is the robotaxi: whom the importer chose has no more right to it than others.
    recording = dataclasses.replace(recording, ego=None)
    group = unit.group or recording.name
    samples = samples_of(recording, lane_map, asking, group=group, origin='recorded')
    return Opened(group, 'recorded', _each(samples))


def _av2_log(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.importers.av2 import read_av2_log

    recording, lane_map, _ = read_av2_log(unit.path)
    samples = samples_of(
        recording, lane_map, asking, group=recording.name, origin='recorded', true_headings=True
    )
    return Opened(recording.name, 'recorded', _each(samples))


def _av2_forecasting(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.importers.av2_forecasting import read_av2_scenario

    recording, lane_map = read_av2_scenario(unit.path)
    samples = samples_of(recording, lane_map, asking, group=recording.name, origin='recorded')
    return Opened(recording.name, 'recorded', _each(samples))


def _sdd(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.importers.sdd import read_sdd

    recording = read_sdd(unit.path)
    samples = samples_of(recording, None, asking, group=recording.name, origin='recorded')
    return Opened(recording.name, 'recorded', _each(samples))


def _dut(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.importers.dut import read_dut

    recording = read_dut(unit.path)
    samples = samples_of(recording, None, asking, group=recording.name, origin='recorded')
    return Opened(recording.name, 'recorded', _each(samples))


def _eth_ucy(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.importers.eth_ucy import annotated_instants, read_eth_ucy

    recording = read_eth_ucy(unit.path)
    group = unit.group or recording.name
    samples = samples_of(
        recording,
        None,
        asking,
        group=group,
        origin='recorded',
        instants=annotated_instants(recording),
    )
    return Opened(group, 'recorded', _each(samples))


def _vru(unit: Unit, asking: Asking) -> Opened:
    from prediction_node.importers.vru import read_vru_folder

    recordings, left_out = read_vru_folder(unit.path)
    samples = (
        sample
        for recording in recordings
        for sample in samples_of(recording, None, asking, group=VRU, origin='recorded')
    )
    # One intersection, and no file says when: whoever waits in one may move in another.
    return Opened(VRU, 'recorded', _each(samples), {'left_out': left_out})


def _each(samples: Iterable[Sample]) -> Callable[[Add], None]:
    def tell(add: Add) -> None:
        for sample in samples:
            add(sample)

    return tell


_READERS: Mapping[str, Callable[[Unit, Asking], Opened]] = {
    SCENE: _scene,
    BAG: _bag,
    COMMONROAD: _commonroad,
    AV2_LOG: _av2_log,
    AV2_FORECASTING: _av2_forecasting,
    SDD: _sdd,
    DUT: _dut,
    ETH_UCY: _eth_ucy,
    VRU: _vru,
}
