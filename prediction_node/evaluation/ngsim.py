"""The NGSIM protocol: an engine beside its baselines on recorded traffic, groups kept apart.

docs/evaluation.md describes the protocol, its split and its JSON file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import DataError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.recording import Recording
from prediction_node.evaluation.engines import (
    CONSTANT_VELOCITY,
    KINEMATIC,
    Choice,
    EngineSpec,
    Folded,
    Garage,
)
from prediction_node.evaluation.judging import HEADLINE_S, Judge, Judged
from prediction_node.evaluation.tables import figures_of, gains
from prediction_node.evaluation.windows import windows
from prediction_node.importers.commonroad import read_commonroad
from prediction_node.importers.time_spans import group_by_time_span
from prediction_node.learning.folds import group_name
from prediction_node.metrics import HORIZONS_S

COLLECTION = 'ngsim_commonroad'
DATA_SETS = ('Lankershim', 'US101')
TUNING, HELD_OUT, EVERYTHING = 'tuning', 'held_out', 'all_groups'
Progress = Callable[[str, int, int], None]  # what, done, of how many


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """The recordings of one place, and which of them show the same time."""

    name: str
    recordings: tuple[tuple[Recording, LaneMap], ...]
    members: tuple[tuple[int, ...], ...]  # groups of recordings

    def names(self, group: int) -> list[str]:
        return [self.recordings[file][0].name for file in self.members[group]]


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def read_sites(folder: Path, progress: Progress = silent) -> Iterator[Site]:
    """The data sets below `folder`, which may also be the folder that holds the collection.

    Raises DataError naming the folder where there is no data, or the file that cannot be read.
    """
    if (folder / COLLECTION).is_dir():
        folder = folder / COLLECTION
    sets = [name for name in DATA_SETS if any((folder / name).glob('*.xml'))]
    if not sets:
        expected = ' or '.join(str(folder / name) for name in DATA_SETS)
        raise DataError(f'no CommonRoad file (*.xml) in {expected}')
    for name in sets:
        read = []
        paths = sorted((folder / name).glob('*.xml'))
        for done, path in enumerate(paths):
            progress(f'reading {name}', done, len(paths))
            read.append(read_commonroad(path))
        progress(f'reading {name}', len(paths), len(paths))
        members = group_by_time_span([recording for recording, _ in read])
        yield Site(name, tuple(read), tuple(tuple(files) for files in members))


def evaluate_ngsim(folder: Path, engine: Choice, progress: Progress = silent) -> dict[str, Any]:
    """Figures of an engine and of its baselines on every data set below `folder`.

    Where `engine` is one model per fold, every group is judged by the model that never saw it.
    Raises DataError as `read_sites` does.
    """
    # All sites are read before a network is loaded: where one has denormal numbers flushed to zero,
    # scipy's search tree does not end on data that holds exact zeros.
    sites = list(read_sites(folder, progress))
    datasets = {site.name: _evaluate_site(site, engine, progress) for site in sites}
    folds = engine.folds if isinstance(engine, Folded) else ()
    return {
        'engine': _name_of(engine),
        'baseline': CONSTANT_VELOCITY,
        'baselines': list(_baselines(_name_of(engine))),
        'cross_validation': [list(fold.held_out) for fold in folds] or None,
        'datasets': datasets,
    }


def split_groups(groups: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """Indices of the groups for tuning and of those held out, from the names of their files.

    In the order of the SHA-256 of their first name the first half, rounded down, is for tuning.
    """
    order = sorted(
        range(len(groups)), key=lambda g: hashlib.sha256(groups[g][0].encode()).hexdigest()
    )
    half = len(order) // 2
    return sorted(order[:half]), sorted(order[half:])


def _name_of(engine: Choice) -> str:
    return engine.specs[0].name if isinstance(engine, Folded) else engine.spec.name


def _baselines(name: str) -> tuple[str, ...]:
    return tuple(each for each in (CONSTANT_VELOCITY, KINEMATIC) if each != name)


def _evaluate_site(site: Site, engine: Choice, progress: Progress) -> dict[str, Any]:
    name = _name_of(engine)
    garage, judge = Garage(), Judge()
    parts: dict[str, list[Judged]] = {each: [] for each in (name, *_baselines(name))}
    done, total = 0, len(site.recordings)
    for group, files in enumerate(site.members):
        names = site.names(group)
        specs = [engine.spec_for(names), *(EngineSpec(each) for each in _baselines(name))]
        for file in files:
            progress(f'predicting {site.name}', done, total)
            done += 1
            for window in windows(*site.recordings[file], group_name(names)):
                for spec in specs:
                    prediction = garage.engine(spec).predict(window.scene)
                    parts[spec.name].append(judge(prediction, window))
    progress(f'predicting {site.name}', done, total)
    if not parts[name]:
        raise DataError(f'{site.name} holds no vehicle with a second of history and of future')
    return _sides(site, {each: Judged.joined(found) for each, found in parts.items()})


def _sides(site: Site, results: dict[str, Judged]) -> dict[str, Any]:
    """What the JSON file says about held-out groups, tuning groups, and all of them."""
    groups = [site.names(g) for g in range(len(site.members))]
    first = next(iter(results.values()))
    counts = first.scores['counts'][:, HORIZONS_S.index(HEADLINE_S)]
    long = set(first.group[counts].tolist())
    full = [names for names in groups if group_name(names) in long]
    tuning, held_out = split_groups(full)
    sides = {
        HELD_OUT: [full[g] for g in held_out],
        TUNING: [full[g] for g in tuning],
        EVERYTHING: groups,
    }
    return {side: _figures(results, picked) for side, picked in sides.items()}


def _figures(results: dict[str, Judged], groups: Sequence[Sequence[str]]) -> dict[str, Any]:
    wanted = [group_name(names) for names in groups]
    picked = {name: judged.of_groups(wanted) for name, judged in results.items()}
    engine, *baselines = picked
    figures: dict[str, Any] = {'groups': [list(names) for names in groups]}
    figures.update({name: figures_of(judged) for name, judged in picked.items()})
    over = {name: gains(picked[engine], picked[name], picked[engine].moving) for name in baselines}
    figures['gain_over'] = over
    if CONSTANT_VELOCITY in over:
        figures['gain'] = over[CONSTANT_VELOCITY]
    return figures
