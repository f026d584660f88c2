"""An extraction goes on where it was stopped, tries failures again, and lists what is missing."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.errors import DataError
from prediction_node.extraction import run
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.make import Failed, Outcome, finished
from prediction_node.extraction.run import FAILURES, Summary, claimed, run_extraction
from prediction_node.extraction.units import Unit
from prediction_node.extraction.workers import LocalWorkers
from prediction_node.learning.samples import SampleStore

ASKING = Asking()


class InTurn:
    """Workers of this process: what `work` gives, and a stop after `limit` of them."""

    def __init__(self, folder: Path, work: Any, limit: int | None = None) -> None:
        self._folder, self._work, self._limit = folder, work, limit
        self.asked: list[str] = []

    def outcomes(self, units: Sequence[Unit]) -> Generator[Outcome, None, None]:
        for unit in units:
            if self._limit is not None and len(self.asked) >= self._limit:
                raise KeyboardInterrupt
            self.asked.append(unit.name)
            yield self._work(unit, ASKING, self._folder)


def run_in_turn(
    out: Path, units: Sequence[Unit], work: Any, limit: int | None = None, asking: Asking = ASKING
) -> tuple[Summary, list[str]]:
    workers = InTurn(out, work, limit)
    with claimed(out):
        return run_extraction(out, units, asking, workers), workers.asked


def test_failures_are_tried_again_and_listed(errands: Any, tmp_path: Path) -> None:
    units = [
        errands.unit('good', 'fine'),
        errands.unit('shaky', 'raise once'),
        errands.unit('broken', 'raise'),
        errands.unit('tender', 'die once'),
        errands.unit('deadly', 'die'),
        errands.unit('better', 'fine'),
    ]
    out = tmp_path / 'out'
    with claimed(out):
        summary = run_extraction(out, units, ASKING, LocalWorkers(out, ASKING, 2, errands.work))
    assert {done.name for done in summary.done} == {'good', 'shaky', 'tender', 'better'}
    reasons = {failed.name: failed for failed in summary.failed}
    assert set(reasons) == {'broken', 'deadly'}
    assert reasons['broken'].reason == 'the disk is away'
    assert reasons['broken'].tries == 2
    assert reasons['deadly'].reason == 'its process died'
    assert errands.tries(units[2]) == 2
    assert errands.tries(units[4]) >= 2
    listed = json.loads((out / FAILURES).read_text())
    assert {each['name'] for each in listed} == {'broken', 'deadly'}
    assert {entry.name for entry in SampleStore(out).recordings} == {
        *('good', 'shaky', 'tender', 'better')
    }


def test_what_is_there_is_not_made_again(errands: Any, tmp_path: Path) -> None:
    units = [errands.unit(name, 'fine') for name in ('a', 'b', 'c')]
    out = tmp_path / 'out'
    with pytest.raises(KeyboardInterrupt):
        run_in_turn(out, units, errands.work, limit=2)
    # The index tells of what is there even after an interruption.
    assert [entry.name for entry in SampleStore(out).recordings] == ['a', 'b']
    summary, asked = run_in_turn(out, units, errands.work)
    assert asked == ['c']
    assert summary.earlier == 2
    assert run_in_turn(out, units, errands.work)[1] == []


def test_a_licence_said_later_is_filed_and_nothing_made_again(errands: Any, tmp_path: Path) -> None:
    unit = errands.unit('a', 'fine')
    out = tmp_path / 'out'
    run_in_turn(out, [unit], errands.work)
    before = SampleStore(out)
    said = dataclasses.replace(unit, licence='CC0')
    assert run_in_turn(out, [said], errands.work)[1] == []
    after = SampleStore(out)
    assert after.recordings[0].facts == {**before.recordings[0].facts, 'licence': 'CC0'}
    assert after.digest == before.digest
    run_in_turn(out, [unit], errands.work)  # asked without: what was said stays
    assert SampleStore(out).recordings[0].facts['licence'] == 'CC0'


def test_a_licence_that_is_known_is_not_looked_up_again(
    errands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(unit: Unit) -> str:
        looked.append(unit.licence)
        return unit.licence

    monkeypatch.setattr(run, 'licence_of', look)
    unit = errands.unit('a', 'fine')
    for licence in ('', '', 'CC0', 'CC0', '', 'CC BY'):
        run_in_turn(tmp_path, [dataclasses.replace(unit, licence=licence)], errands.work)
    # The first run makes the samples; nothing known, or another said: then it is looked up.
    assert looked == ['', 'CC0', 'CC BY']
    assert SampleStore(tmp_path).recordings[0].facts['licence'] == 'CC BY'


def test_what_has_changed_is_made_again(errands: Any, tmp_path: Path) -> None:
    unit = errands.unit('a', 'fine')
    out = tmp_path / 'out'
    run_in_turn(out, [unit], errands.work)
    assert finished(out, unit, ASKING) is not None
    assert finished(out, unit, Asking(stride_s=2.0)) is None
    os.utime(unit.path, ns=(0, 123))
    assert finished(out, unit, ASKING) is None
    assert run_in_turn(out, [unit], errands.work)[1] == ['a']


def test_half_of_an_entry_is_made_again(errands: Any, tmp_path: Path) -> None:
    unit = errands.unit('a', 'fine')
    out = tmp_path / 'out'
    run_in_turn(out, [unit], errands.work)
    entry = out / 'a.json'
    entry.write_text(entry.read_text()[:40])
    (out / '.b-000.tar.1.partial').write_bytes(b'left over')
    assert run_in_turn(out, [unit], errands.work)[1] == ['a']
    assert not list(out.glob('.*.partial'))


def test_another_recording_of_the_same_name_is_refused(errands: Any, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    run_in_turn(out, [errands.unit('a', 'fine')], errands.work)
    other = tmp_path / 'elsewhere'
    other.mkdir()
    (other / 'a.txt').write_text('fine')
    with pytest.raises(DataError, match=r'a\.json is of .*errands.*choose another --out'):
        run_in_turn(out, [Unit('errand', other / 'a.txt', 'a')], errands.work)


def test_two_extractions_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(DataError, match='another extraction'):  # noqa: SIM117
        with claimed(tmp_path):
            pass


def test_a_failure_says_what_it_was(tmp_path: Path) -> None:
    from prediction_node.extraction.make import extract

    missing = Unit('scene', tmp_path / 'scene.npz', 'scene')
    outcome = extract(missing, ASKING, tmp_path / 'out')
    assert isinstance(outcome, Failed)
    assert 'scene.npz' in outcome.reason
    assert extract(Unit('dream', tmp_path, 'x'), ASKING, tmp_path / 'out') == Failed(
        'x', str(tmp_path), f'{tmp_path}: recordings of kind dream cannot be read'
    )
