"""An extraction: what is missing is made, what is there is kept, and the index tells of both."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from prediction_node.domain.errors import DataError
from prediction_node.domain.whole_file import PARTIAL
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.groups import groups_by_time
from prediction_node.extraction.licences import licence_of
from prediction_node.extraction.make import Done, Failed, Outcome, finished
from prediction_node.extraction.units import Unit
from prediction_node.learning.samples.index import MAPS, RecordingEntry, write_entry, write_index

FAILURES = '.failed.json'
LOCK = '.lock'


class Workers(Protocol):
    """Whoever extracts recordings."""

    def outcomes(self, units: Sequence[Unit]) -> Generator[Outcome, None, None]:
        """One outcome per recording, in any order; closing the iterator stops the work."""


@dataclass(eq=False)
class Summary:
    """What became of an extraction."""

    earlier: int = 0  # recordings that were there already
    done: list[Done] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    entries: list[RecordingEntry] = field(default_factory=list)  # of the whole store

    @property
    def samples(self) -> int:
        return sum(entry.samples for entry in self.entries)

    @property
    def agents(self) -> Counter[str]:
        """Agents with a whole future, by class."""
        total: Counter[str] = Counter()
        for entry in self.entries:
            total.update(entry.agents)
        return total

    @property
    def origins(self) -> Counter[str]:
        """Samples by origin."""
        total: Counter[str] = Counter()
        for entry in self.entries:
            total[entry.origin] += entry.samples
        return total


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make the folder, keep other extractions out of it, sweep what a stopped one left half done.

    Raises DataError if it cannot be written, or if another one writes to it.
    """
    try:
        (folder / MAPS).mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open('w')
    except OSError as problem:
        raise DataError(f'{folder} cannot be written: {problem.strerror}') from problem
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(
                f'another extraction is writing to {folder}: wait for it or choose another folder'
            ) from None
        for path in [*folder.glob(f'.*{PARTIAL}'), *(folder / MAPS).glob(f'.*{PARTIAL}')]:
            path.unlink(missing_ok=True)
        yield


def run_extraction(
    folder: Path,
    units: Sequence[Unit],
    asking: Asking,
    workers: Workers,
    on_outcome: Callable[[Unit | None, Outcome | None], None] = lambda unit, outcome: None,
) -> Summary:
    """Extract what is missing in `folder`, which the caller has claimed, and write its index.

    The index is written even when the run is interrupted: the exception carries on, and what is
    finished stays.
    """
    summary = Summary()
    missing = []
    for unit in units:
        entry = finished(folder, unit, asking)
        if entry is None:
            missing.append(unit)
            continue
        _say_licence(folder, entry, unit)
        summary.earlier += 1
        on_outcome(unit, None)
    try:
        if missing:
            with closing(workers.outcomes(missing)) as outcomes:
                for outcome in outcomes:
                    if isinstance(outcome, Failed):
                        summary.failed.append(outcome)
                    else:
                        summary.done.append(outcome)
                    on_outcome(None, outcome)
    finally:
        summary.entries = write_index(folder)
        regrouped = groups_by_time(summary.entries)
        if regrouped:
            summary.entries = write_index(folder, regrouped)
        failures = [asdict(each) for each in summary.failed]
        (folder / FAILURES).write_text(json.dumps(failures, indent=1) + '\n', encoding='utf-8')
    return summary


def _say_licence(folder: Path, entry: RecordingEntry, unit: Unit) -> None:
    """Add a licence that was not known when a recording was extracted; its samples stay.

    One that is known stays too, unread, unless somebody says another.
    """
    known = entry.facts.get('licence', '')
    if known and unit.licence in ('', known):
        return
    licence = licence_of(unit)
    if licence and licence != known:
        write_entry(folder, replace(entry, facts={**entry.facts, 'licence': licence}))
