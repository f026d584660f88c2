"""Samples to judge by: a store as it is, anything else passed through the pipeline first."""

from __future__ import annotations

from pathlib import Path

from prediction_node.domain.errors import DataError
from prediction_node.evaluation.sample_windows import is_store
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.groups import with_groups
from prediction_node.extraction.run import claimed, run_extraction
from prediction_node.extraction.units import find_units
from prediction_node.extraction.workers import LocalWorkers
from prediction_node.learning.samples import SampleStore

STRIDE_S = 1.0


def open_store(data: Path, out: Path, map_path: Path | None, jobs: int) -> SampleStore:
    """The store `data`; of bags and other recordings, the samples extracted from them to `out`.

    Bags pass through observation and fusion as in a replay. What `out` holds already of the same
    recordings is not made again. Raises DataError naming a recording that cannot be read, or a
    store without samples.
    """
    if is_store(data):
        return _filled(SampleStore(data))
    asking = Asking(stride_s=STRIDE_S, egos=1, noise=False, seed=0)
    units = with_groups(find_units([data], map_path))
    with claimed(out):
        summary = run_extraction(out, units, asking, LocalWorkers(out, asking, jobs))
    if summary.failed:
        first = summary.failed[0]
        raise DataError(f'{first.path} cannot be evaluated: {first.reason}')
    return _filled(SampleStore(out))


def _filled(store: SampleStore) -> SampleStore:
    if not len(store):
        raise DataError(f'{store.folder} holds no samples')
    return store
