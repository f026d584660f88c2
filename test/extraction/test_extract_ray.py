"""The same recordings by a local Ray with two workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.errors import DataError
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.cluster import RayWorkers
from prediction_node.extraction.make import extract
from prediction_node.extraction.run import claimed, run_extraction
from prediction_node.extraction.units import find_units
from prediction_node.learning.samples import SampleStore
from prediction_node.vehicle.bag import write_bag

pytest.importorskip('ray', reason='Ray is not installed (requirements/cluster.txt)')

ASKING = Asking(stride_s=1.0)


@pytest.mark.slow
def test_ray_makes_the_same_bytes_and_lists_the_same_failures(
    tmp_path: Path, errands: Any, recording_of: Any
) -> None:
    from prediction_node.simulation.sensors.parameters import SuiteParameters

    bag = tmp_path / 'drive'
    write_bag(recording_of(5.0), SuiteParameters(), 0, bag, level=1)
    (tmp_path / 'nothing.mcap').write_bytes(b'this is no recording')
    units = find_units([bag, tmp_path / 'nothing.mcap'])
    here = tmp_path / 'here'
    extract(units[0], ASKING, here)
    out = tmp_path / 'by_ray'
    with claimed(out):
        summary = run_extraction(out, units, ASKING, RayWorkers(out, ASKING, 2, 'local'))
    assert [done.name for done in summary.done] == [units[0].name]
    (failed,) = summary.failed
    assert failed.tries == 2
    assert 'nothing.mcap' in failed.reason
    name = f'{units[0].name}-000.tar'
    assert (out / name).read_bytes() == (here / name).read_bytes()
    assert len(SampleStore(out)) == summary.done[0].samples > 0
    SampleStore(out).verify()
    assert not [p for p in out.iterdir() if p.suffix == '.partial']
    assert os.path.exists(out / 'index.json')


@pytest.mark.slow
def test_a_task_that_dies_costs_its_recording_only(tmp_path: Path, errands: Any) -> None:
    units = [
        errands.unit('good', 'fine'),
        errands.unit('tender', 'die once'),
        errands.unit('shaky', 'raise once'),
        errands.unit('better', 'fine'),
    ]
    out = tmp_path / 'out'
    with claimed(out):
        workers = RayWorkers(out, ASKING, 2, 'local', errands.work)
        summary = run_extraction(out, units, ASKING, workers)
    assert {done.name for done in summary.done} == {unit.name for unit in units}
    assert summary.failed == []
    assert errands.tries(units[1]) == 2


def test_no_ray_at_the_address_is_one_sentence(tmp_path: Path, errands: Any) -> None:
    workers = RayWorkers(tmp_path, ASKING, 2, '127.0.0.1:9')
    with pytest.raises(DataError, match=r'no Ray answers at --ray 127\.0\.0\.1:9'):
        next(workers.outcomes([errands.unit('good', 'fine')]))
