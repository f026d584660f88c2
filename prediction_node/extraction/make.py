"""One recording's samples into the store."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from prediction_node import __version__
from prediction_node.domain.errors import DataError, PredictionNodeError
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.licences import licence_of
from prediction_node.extraction.readers import open_unit
from prediction_node.extraction.units import Unit
from prediction_node.learning.labels import somebody_reacts
from prediction_node.learning.samples.index import FORMAT, RecordingEntry, read_entry
from prediction_node.learning.samples.sample import Sample
from prediction_node.learning.samples.writer import SampleWriter

METHOD = 3  # to be raised when the same recording gives other samples


@dataclass(frozen=True, slots=True)
class Done:
    """A recording whose samples are in the store."""

    name: str
    samples: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A recording without samples, and why."""

    name: str
    path: str
    reason: str
    tries: int = 1


Outcome = Done | Failed
Work = Callable[[Unit, Asking, Path], Outcome]  # writes a recording's samples to a folder


def identity_of(unit: Unit, asking: Asking) -> str:
    """Digest of everything the samples depend on."""
    asked = asdict(asking)
    if not asking.reacting:
        del asked['reacting']  # samples of before it could be asked for are still the same
    values = [FORMAT, METHOD, __version__, unit.content, unit.kind, unit.group, asked]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def finished(folder: Path, unit: Unit, asking: Asking) -> RecordingEntry | None:
    """The entry of a recording whose samples are there and whole, None if they are to be made.

    Raises DataError if samples of another recording have taken its name.
    """
    path = folder / f'{unit.name}.json'
    if not path.exists():
        return None
    try:
        entry = read_entry(path)
    except DataError:
        return None  # half written or of an older version: made again
    source = entry.facts.get('path')
    if source != str(unit.path.resolve()):
        raise DataError(f'{path} is of {source}, not of {unit.path}: choose another --out')
    if entry.identity != identity_of(unit, asking):
        return None
    files = [(folder / shard.file, shard.bytes) for shard in entry.shards]
    whole = all(file.is_file() and file.stat().st_size == size for file, size in files)
    return entry if whole else None


def extract(unit: Unit, asking: Asking, folder: Path) -> Outcome:
    """Write the samples of one recording to `folder`; what hinders it is told, never raised."""
    started_s = time.monotonic()
    try:
        samples = _write(unit, asking, folder)
    except Exception as error:
        return Failed(unit.name, str(unit.path), reason_of(error))
    return Done(unit.name, samples, time.monotonic() - started_s)


def _write(unit: Unit, asking: Asking, folder: Path) -> int:
    identity = identity_of(unit, asking)
    opened = open_unit(unit, asking)
    facts = {
        'path': str(unit.path.resolve()),
        'kind': unit.kind,
        'licence': licence_of(unit),
        **opened.facts,
    }
    with SampleWriter(
        folder,
        unit.name,
        group=opened.group,
        origin=opened.origin,
        identity=identity,
        facts=facts,
    ) as writer:
        opened.tell(_reacting(writer.add) if asking.reacting else writer.add)
        return writer.samples


def _reacting(add: Callable[[Sample], None]) -> Callable[[Sample], None]:
    def heard(sample: Sample) -> None:
        if somebody_reacts(sample):
            add(sample)

    return heard


def reason_of(error: BaseException) -> str:
    """One line: a user's error as it is, another with its type and the place it came from."""
    if isinstance(error, PredictionNodeError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)
    place = f' ({Path(where[-1].filename).name}, line {where[-1].lineno})' if where else ''
    return f'{type(error).__name__}: {error}{place}'
