"""Cross-validation over groups: who is left out of which training, and where that is written.

A group is all recordings that show the same stretch of time; it is held out as a whole or not at
all. Training and evaluation both deal the groups by `deal_folds`; every model folder of a fold
carries `fold.json`, so that evaluation can refuse to judge a model by what it has seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prediction_node.domain.errors import DataError

FILE = 'fold.json'


@dataclass(frozen=True, slots=True)
class Fold:
    """One of `count` trainings: it never sees the groups `held_out`."""

    index: int
    count: int
    held_out: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f'Fold.index must lie in [0, {self.count}), got {self.index}')
        if not self.held_out:
            raise ValueError('Fold.held_out must name at least one group, got none')


def group_name(recordings: Iterable[str]) -> str:
    """The name of a group: that of its first recording in the order of the alphabet."""
    return min(recordings)


def deal_folds(groups: Iterable[str], count: int) -> tuple[Fold, ...]:
    """Deal groups to `count` folds in the order of their SHA-256, site by site.

    The site is the name up to its first '-' (`USA_US101-3_2_T-1`): every fold holds out its share
    of each. The order in which the groups come does not matter. Raises ValueError unless
    2 <= count <= number of groups.
    """
    names = sorted(set(groups), key=lambda g: (site_of(g), _digest(g)))
    if not 2 <= count <= len(names):
        raise ValueError(f'folds must number 2 to {len(names)} for as many groups, got {count}')
    return tuple(Fold(k, count, tuple(sorted(names[k::count]))) for k in range(count))


def site_of(group: str) -> str:
    """The place that a group shows: its name up to the first '-'."""
    return group.split('-')[0]


def write_fold(folder: Path, fold: Fold) -> None:
    """Say in a model's folder what it has never seen."""
    content = {'index': fold.index, 'count': fold.count, 'held_out': list(fold.held_out)}
    (folder / FILE).write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def read_fold(folder: Path) -> Fold:
    """What `write_fold` wrote. Raises DataError naming the file and what is wrong with it."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        held_out = content['held_out']
        if not isinstance(held_out, list) or not all(isinstance(g, str) for g in held_out):
            raise ValueError(f'held_out must be a list of names, got {held_out!r}')
        return Fold(int(content['index']), int(content['count']), tuple(held_out))
    except OSError as problem:
        raise DataError(f'{path} cannot be read: {problem.strerror}') from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise DataError(f'{path} is no description of a fold: {problem}') from problem


def find_folds(folder: Path) -> tuple[tuple[Fold, Path], ...]:
    """The folds below `folder` and their model folders, by index.

    Raises DataError if there are none, if one is missing or doubled, or if a group is held out by
    two of them.
    """
    found = sorted(
        ((read_fold(path.parent), path.parent) for path in folder.rglob(FILE)),
        key=lambda pair: (pair[0].index, str(pair[1])),
    )
    if not found:
        raise DataError(f'{folder} holds no model of a fold (no {FILE} below it)')
    indices = [fold.index for fold, _ in found]
    count = found[0][0].count
    if indices != list(range(count)) or any(fold.count != count for fold, _ in found):
        raise DataError(f'{folder} must hold the folds 0 to {count - 1} once each, got {indices}')
    groups = [group for fold, _ in found for group in fold.held_out]
    if len(set(groups)) != len(groups):
        raise DataError(f'{folder}: two folds hold out the same group')
    return tuple(found)


def fold_holding_out(folds: Sequence[Fold], recordings: Iterable[str]) -> int:
    """Which fold never saw the group of these recordings; a group goes by any of their names.

    Raises DataError if none or more than one holds it out.
    """
    names = set(recordings)
    holding = [k for k, fold in enumerate(folds) if names & set(fold.held_out)]
    if len(holding) != 1:
        raise DataError(
            f'{len(holding)} folds hold out the group of {group_name(names)}: exactly one must'
        )
    return holding[0]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
