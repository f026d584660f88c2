"""Who learns and who judges: whole groups, so that nobody is judged on what was nearly seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from prediction_node.domain.errors import ParameterError
from prediction_node.learning.folds import Fold, deal_folds
from prediction_node.learning.parameters import DataParameters

RECORDED = 'recorded'


def held_out_fold(
    group: Sequence[str],
    origin: Sequence[str],
    parameters: DataParameters,
    bare: Iterable[str] = (),
) -> Fold | None:
    """The fold that is left out: of recorded groups, simulated ones are in no fold.

    `bare` are recorded groups too short for a sample. Nothing is learned from them, but they can be
    judged, so each belongs to a fold as well.

    Raises ParameterError if there are fewer groups than folds.
    """
    if not parameters.folds:
        return None
    recorded = {g for g, o in zip(group, origin, strict=True) if o == RECORDED}
    try:
        fold = deal_folds(recorded, parameters.folds)[parameters.fold]
    except ValueError as problem:
        raise ParameterError(f'data.folds: {problem}') from None
    spare = sorted(set(bare) - recorded)[fold.index :: fold.count]
    return replace(fold, held_out=tuple(sorted([*fold.held_out, *spare])))


def split(
    group: Sequence[str], origin: Sequence[str], fold: Fold | None, parameters: DataParameters
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of samples to learn from and to validate on.

    Of the groups of each origin the first `validation_share` in the order of their SHA-256
    validate, one at least where there are two. Raises ParameterError if one of the two is empty.
    """
    out = {*parameters.exclude_groups, *(fold.held_out if fold else ())}
    names = np.asarray(group)
    judges: set[str] = set()
    for one in sorted(set(origin)):
        mine = sorted({g for g, o in zip(group, origin, strict=True) if o == one} - out, key=_key)
        count = round(parameters.validation_share * len(mine))
        if parameters.validation_share and len(mine) > 1:
            count = max(1, count)
        judges.update(mine[:count])
    judging = np.isin(names, sorted(judges))
    left_out = np.isin(names, sorted(out))
    train, validation = np.flatnonzero(~judging & ~left_out), np.flatnonzero(judging)
    for what, rows in (('to learn from', train), ('to validate on', validation)):
        if not len(rows):
            raise ParameterError(
                f'data: no sample is left {what}: {len(set(group))} groups, {len(out)} left out, '
                f'validation_share {parameters.validation_share}; whole groups judge, so give '
                'recordings of two groups at least (docs/samples.md says what a group is)'
            )
    return train, validation


def _key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
