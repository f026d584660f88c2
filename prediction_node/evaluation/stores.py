"""Samples to judge by: a store as it is, anything else passed through the pipeline first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from prediction_node.domain.errors import DataError
from prediction_node.evaluation.ngsim import Progress, silent
from prediction_node.evaluation.sample_windows import is_store
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.groups import with_groups
from prediction_node.extraction.make import Failed
from prediction_node.extraction.run import claimed, run_extraction
from prediction_node.extraction.units import Unit, find_units
from prediction_node.extraction.workers import LocalWorkers
from prediction_node.learning.samples import SampleStore
from prediction_node.learning.samples.index import INDEX

STRIDE_S = 1.0
EXTRACTING = 'replaying recordings'


def open_store(
    data: Path,
    out: Path,
    map_path: Path | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> tuple[SampleStore, list[Failed]]:
    """The store `data`; of bags and other recordings, the samples extracted from them to `out`, and
    the recordings that cannot be read.

    Bags pass through observation and fusion as in a replay. What `out` holds already of the same
    recordings is not made again. Raises DataError if no recording can be read, naming one, if `out`
    holds samples of others, or for a store without samples.
    """
    if is_store(data):
        return _filled(SampleStore(data)), []
    if map_path is not None and not map_path.is_file():
        raise DataError(f'--map {map_path} does not exist')  # not after the first bag
    asking = Asking(stride_s=STRIDE_S, egos=1, noise=False, seed=0)
    units = with_groups(find_units([data], map_path))
    _refuse_others(out, units)
    done = itertools.count(1)
    progress(EXTRACTING, 0, len(units))
    with claimed(out):
        workers = LocalWorkers(out, asking, jobs)
        summary = run_extraction(
            out, units, asking, workers, lambda *_: progress(EXTRACTING, next(done), len(units))
        )
    if len(summary.failed) == len(units):
        first = summary.failed[0]
        raise DataError(f'{first.path} cannot be evaluated: {first.reason}')
    return _filled(SampleStore(out)), summary.failed


def _refuse_others(folder: Path, units: Sequence[Unit]) -> None:
    """Raise DataError if the folder holds samples of recordings that are not to be judged."""
    known = {f'{unit.name}.json' for unit in units} | {INDEX}
    others = sorted(each.stem for each in folder.glob('[!.]*.json') if each.name not in known)
    if others:
        raise DataError(
            f'{folder} holds samples of other recordings ({", ".join(others[:3])}): choose another '
            '--out'
        )


def _filled(store: SampleStore) -> SampleStore:
    if not len(store):
        raise DataError(f'{store.folder} holds no samples')
    return store
