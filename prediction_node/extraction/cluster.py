"""Recordings extracted by Ray Data: on this machine's cores or on those of a cluster.

Recordings must be readable where the work is done; what comes of them travels back as bytes, so
that only this process writes to the store.
"""

from __future__ import annotations

import functools
import logging
import pickle
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import DataError
from prediction_node.domain.whole_file import write_whole
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.make import Done, Failed, Outcome, Work, extract, reason_of
from prediction_node.extraction.units import Unit
from prediction_node.extraction.workers import TRIES
from prediction_node.generation.cluster import connected


class RayWorkers:
    """Ray Data over recordings, `jobs` at a time; iterate over `outcomes` to drive it.

    `address`: 'local' starts a Ray of `jobs` workers here and ends it afterwards; else an address
    as ray.init takes it. Raises DataError if Ray is missing or nothing answers there.
    """

    def __init__(
        self, folder: Path, asking: Asking, jobs: int, address: str, work: Work = extract
    ) -> None:
        self._work = work
        self._folder = folder
        self._asking = asking
        self._jobs = jobs
        self._address = address

    def outcomes(self, units: Sequence[Unit]) -> Generator[Outcome, None, None]:
        """One outcome per recording, in the order they come; failures have been tried again."""
        with connected(self._address, self._jobs) as ray:
            by_name = {unit.name: unit for unit in units}
            for attempt in range(1, TRIES + 1):
                failed: list[Failed] = []
                for outcome in self._try(ray, list(by_name.values())):
                    if isinstance(outcome, Failed):
                        failed.append(replace(outcome, tries=attempt))
                    else:
                        del by_name[outcome.name]
                        yield outcome
                if not failed:
                    return
            yield from failed

    def _try(self, ray: Any, units: Sequence[Unit]) -> Iterator[Outcome]:
        """One outcome per recording of one pass over them."""
        from ray import data

        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger('ray.data').setLevel(logging.ERROR)  # our own bar tells enough
        # A process that dies again and again costs its recording, not the others.
        context.max_errored_blocks = -1
        items = [{'index': k} for k in range(len(units))]
        waiting = dict(enumerate(units))
        task = functools.partial(_parcel, units=list(units), asking=self._asking, work=self._work)
        done = (
            data.from_items(items, override_num_blocks=len(items))
            .map(task, num_cpus=1, compute=data.TaskPoolStrategy(size=self._jobs))
            .iter_rows()
        )
        for row in done:
            unit = waiting.pop(int(row['index']))
            yield self._receive(unit, row)
        for unit in waiting.values():
            yield Failed(unit.name, str(unit.path), 'its task died')

    def _receive(self, unit: Unit, row: Mapping[str, Any]) -> Outcome:
        if row['reason']:
            return Failed(unit.name, str(unit.path), str(row['reason']))
        try:
            files: dict[str, bytes] = pickle.loads(row['files'])
            # The entry comes last: what it names is there.
            for name in sorted(files, key=lambda name: name.endswith('.json')):
                write_whole(self._folder / name, files[name])
        except (DataError, OSError) as problem:
            return Failed(unit.name, str(unit.path), reason_of(problem))
        return Done(unit.name, int(row['samples']), float(row['wall_s']))


def _parcel(
    row: dict[str, Any], units: Sequence[Unit], asking: Asking, work: Work
) -> dict[str, Any]:
    """The task: the files of one recording's samples, or why there are none."""
    unit = units[int(row['index'])]
    with tempfile.TemporaryDirectory(prefix='samples_') as scratch:
        folder = Path(scratch)
        outcome = work(unit, asking, folder)
        files = sorted(p for p in folder.rglob('*') if p.is_file())
        if isinstance(outcome, Failed):
            return {**row, 'reason': outcome.reason, 'samples': 0, 'wall_s': 0.0, 'files': b''}
        contents = {str(p.relative_to(folder)): p.read_bytes() for p in files}
        return {
            **row,
            'reason': '',
            'samples': outcome.samples,
            'wall_s': outcome.wall_s,
            'files': pickle.dumps(contents, protocol=5),
        }
