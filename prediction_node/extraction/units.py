"""What is extracted one by one: recordings of all kinds, found among files and folders."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prediction_node.domain.errors import DataError
from prediction_node.importers.eth_ucy import is_crowd_file, positions_said, scene_name
from prediction_node.importers.vru import is_vru_folder
from prediction_node.learning.samples.writer import file_name

SCENE, BAG, COMMONROAD = 'scene', 'bag', 'commonroad'
AV2_LOG, AV2_FORECASTING = 'av2_log', 'av2_forecasting'
SDD, VRU, DUT, ETH_UCY = 'sdd', 'vru', 'dut', 'eth_ucy'
KINDS = (SCENE, BAG, COMMONROAD, AV2_LOG, AV2_FORECASTING, SDD, VRU, DUT, ETH_UCY)
_BAG_FILES = ('.mcap', '.db3')
_DUT_ENDINGS = ('_traj_veh_filtered.csv', '_traj_ped_filtered.csv')


@dataclass(frozen=True, slots=True)
class Unit:
    """One recording to extract."""

    kind: str
    path: Path
    name: str  # of its files in the store
    map_path: Path | None = None  # of a bag: the map beside it
    group: str | None = None  # None: decided when it is read
    others: tuple[Path, ...] = ()  # files beside `path` that belong to it
    licence: str = ''  # as whoever asks has it; publishers' own words go before

    @property
    def content(self) -> str:
        """Digest of names, sizes and times of change of what it is read from: bags are too large
        to be read twice.
        """
        files = sorted(self.path.rglob('*')) if self.path.is_dir() else [self.path]
        files.extend(self.others)
        if self.map_path is not None:
            files.append(self.map_path)
        digest = hashlib.sha256(self.kind.encode())
        for file in files:
            if file.is_file():
                known = file.stat()
                digest.update(f'{file.name} {known.st_size} {known.st_mtime_ns}\n'.encode())
        return digest.hexdigest()


def find_units(
    inputs: Sequence[Path], lane_map: Path | None = None, licence: str = ''
) -> list[Unit]:
    """All recordings in the files and folders given, each once, in the order of their paths.

    `lane_map`: the map of bags that have none beside them; `licence`: of recordings whose
    publishers' is not known. Raises DataError for an input in which nothing is found.
    """
    found: dict[Path, Unit] = {}
    for given in inputs:
        if not given.exists():
            raise DataError(f'{given} does not exist')
        units = list(_units_in(given))
        if not units:
            raise DataError(f'{given} holds no recording that can be read: {", ".join(KINDS)}')
        for unit in units:
            if unit.kind == BAG and unit.map_path is None:
                unit = dataclasses.replace(unit, map_path=lane_map)
            found.setdefault(unit.path.resolve(), dataclasses.replace(unit, licence=licence))
    found = _without_repeats(found)
    taken: set[str] = set()
    out = []
    for unit in found.values():
        name, number = unit.name, 2
        while name in taken:
            name, number = f'{unit.name}_{number}', number + 1
        taken.add(name)
        out.append(dataclasses.replace(unit, name=name))
    return out


def _without_repeats(found: dict[Path, Unit]) -> dict[Path, Unit]:
    """The units without files of pedestrians that hold nothing which another does not hold too:
    each fold of the protocol has the same recordings again, whole or in parts.
    """
    said = {path: positions_said(path) for path, unit in found.items() if unit.kind == ETH_UCY}
    kept: list[Path] = []
    for path in sorted(said, key=lambda each: -len(said[each])):  # wholes before their parts
        rivals = (other for other in kept if scene_name(other) == scene_name(path))
        if not any(said[path] <= said[other] for other in rivals):
            kept.append(path)
    return {path: unit for path, unit in found.items() if path not in said or path in kept}


def _units_in(path: Path) -> Iterator[Unit]:
    if path.is_file():
        unit = _unit_of_file(path)
        if unit is not None:
            yield unit
        return
    kind = _kind_of_folder(path)
    if kind is not None:
        yield Unit(kind, path, _name_of(path), _map_beside(path) if kind == BAG else None)
        return
    for below in sorted(path.iterdir()):
        if not below.name.startswith('.'):
            yield from _units_in(below)


def _kind_of_folder(path: Path) -> str | None:
    """The kind of recording that a folder is as a whole, if it is one."""
    names = {p.name for p in path.iterdir()}
    if 'metadata.yaml' in names:  # without it, each file is a recording of its own
        return BAG
    if names & {'annotations.feather', 'annotations_with_ego.feather'}:
        return AV2_LOG
    if any(n.startswith('scenario_') and n.endswith('.parquet') for n in names):
        return AV2_FORECASTING
    return VRU if is_vru_folder(path) else None


def _unit_of_file(path: Path) -> Unit | None:
    name = file_name(path.stem)
    if path.suffix == '.npz':
        return Unit(SCENE, path, _name_of(path.parent))
    if path.suffix == '.xml':
        return Unit(COMMONROAD, path, name)
    if path.suffix in _BAG_FILES:
        return Unit(BAG, path, name, _map_beside(path))
    if path.name == 'annotations.txt':
        return Unit(SDD, path, _name_of(path.parent))
    if path.suffix == '.txt' and is_crowd_file(path):
        return Unit(ETH_UCY, path, name, group=file_name(scene_name(path)))
    if path.name.endswith(_DUT_ENDINGS):
        # Vehicles and pedestrians of one clip are two files, either of which stands for both.
        clip = path.name.removesuffix(_DUT_ENDINGS[0]).removesuffix(_DUT_ENDINGS[1])
        there = [each for e in _DUT_ENDINGS if (each := path.with_name(clip + e)).exists()]
        return Unit(DUT, there[0], file_name(clip), others=tuple(there[1:]))
    return None


def _name_of(folder: Path) -> str:
    """The last two names of a folder's path: `scene_000017` alone is in every run."""
    folder = folder.resolve()
    parts = [folder.parent.name, folder.name]
    if folder.name == 'bag':  # as `simulate` and `import` lay it out
        parts = [folder.parent.parent.name, folder.parent.name]
    return file_name('-'.join(part for part in parts if part))


def _map_beside(bag: Path) -> Path | None:
    """map.osm in the bag's folder or beside it."""
    for folder in (bag, bag.parent):
        if (folder / 'map.osm').is_file():
            return folder / 'map.osm'
    return None
