"""Many scenes by several processes: always the same bytes, and nothing finished is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.errors import DataError
from prediction_node.generation.report import Failed
from prediction_node.generation.store import MARKER, SceneStore

ROOT = Path(__file__).resolve().parents[2]


def test_all_scenes_appear_whole(bulk: Any) -> None:
    summary = bulk.run(bulk.requests(range(5)))
    assert (summary.written, summary.asked, summary.failed) == (5, 5, [])
    names = {path.name for path in bulk.out.iterdir()} - {'.lock'}
    assert names == {f'scene_{seed:06d}' for seed in range(5)}
    marker = json.loads((bulk.out / 'scene_000003' / MARKER).read_text())
    assert set(marker['files']) == {'bag/data', 'map.osm'}
    assert marker['files']['bag/data']['bytes'] == 1000
    assert marker['rejected'] == [{'seed': 99, 'reason': 'overlap: a car and a bus'}]
    assert sorted(bulk.bar.over) == list(range(5))
    assert (0, 0.5) in bulk.bar.shares


def test_counts_are_summed(bulk: Any) -> None:
    summary = bulk.run(bulk.requests(range(4)))
    assert summary.windows == 6
    assert summary.rejected == {'overlap': 2}
    assert summary.rejected_share == pytest.approx(1 / 3)
    assert summary.agents == {'car': 8, 'pedestrian': 4}
    assert summary.counts['smoothed jumps'] == 12
    assert summary.agent_seconds == 120.0
    # Processes that import numpy take CPU time before they make anything: it is counted.
    assert summary.cpu_s > 0.05
    assert summary.missing_classes == [
        'truck',
        'bus',
        'trailer',
        'motorcycle',
        'bicycle',
        'animal',
    ]


def test_number_of_processes_order_and_resume_change_no_byte(bulk: Any) -> None:
    bulk.run(bulk.requests(range(6)), jobs=1)
    expected = bulk.contents()
    for name in ('jobs', 'order', 'resume'):
        bulk.out = bulk.out.with_name(name)
        if name == 'jobs':
            bulk.run(bulk.requests(range(6)), jobs=3, scenes_per_process=1)
        elif name == 'order':
            bulk.run(bulk.requests([5, 1, 4, 0, 2, 3]))
        else:
            bulk.run(bulk.requests([1, 4]))
            bulk.run(bulk.requests(range(6)))
        assert bulk.contents() == expected


def test_finished_scenes_are_not_made_again(bulk: Any) -> None:
    bulk.run(bulk.requests(range(3)))
    summary = bulk.run(bulk.requests(range(4)))
    assert (summary.written, summary.earlier) == (4, 3)
    assert summary.agents['car'] == 8
    assert summary.agent_seconds == 30.0
    assert [len(bulk.tries(seed)) for seed in range(4)] == [1, 1, 1, 1]


@pytest.mark.parametrize('damage', ['changed', 'cut', 'gone', 'more', 'no marker', 'bad marker'])
def test_a_damaged_scene_is_made_again(bulk: Any, damage: str) -> None:
    bulk.run(bulk.requests([0, 1]))
    expected = bulk.contents()
    place = bulk.out / 'scene_000001'
    if damage == 'changed':
        (place / 'map.osm').write_text('map of 2')
    elif damage == 'cut':
        (place / 'bag' / 'data').write_bytes(b'\1')
    elif damage == 'gone':
        (place / 'bag' / 'data').unlink()
    elif damage == 'more':
        (place / 'bag' / 'more').touch()
    elif damage == 'no marker':
        (place / MARKER).unlink()
    else:
        (place / MARKER).write_text('{"identity": 3')
    summary = bulk.run(bulk.requests([0, 1]))
    assert summary.earlier == 1
    assert bulk.contents() == expected


def test_scenes_of_another_request_are_never_overwritten(bulk: Any) -> None:
    bulk.run(bulk.requests([0]))
    before = bulk.contents()
    for changes in ({'duration_s': 20.0}, {'scenes_only': True}):
        with pytest.raises(DataError, match=r'scene_000000 was made with another'):
            bulk.run(bulk.requests([0, 1], **changes))
    assert bulk.contents() == before


def test_a_process_that_dies_once_costs_nothing(bulk: Any) -> None:
    bulk.order(1, 'die once')
    summary = bulk.run(bulk.requests(range(3)))
    assert (summary.written, summary.failed) == (3, [])
    assert len(set(bulk.tries(1))) == 2


def test_a_process_that_dies_twice_costs_one_scene(bulk: Any) -> None:
    bulk.order(1, 'die')
    summary = bulk.run(bulk.requests(range(4)))
    assert summary.written == 3
    assert [failed.seed for failed in summary.failed] == [1]
    assert summary.failed[0].reason == (
        'its process was ended by SIGSEGV, 2 times; it said last: last words'
    )
    assert len(bulk.tries(1)) == 2
    assert not list(bulk.out.glob('.scene*'))


def test_errors_are_listed_and_the_others_go_on(bulk: Any) -> None:
    bulk.order(0, 'raise')
    bulk.order(2, 'bug')
    summary = bulk.run(bulk.requests(range(4)))
    reasons = {failed.seed: failed.reason for failed in summary.failed}
    assert reasons[0] == 'netconvert says no'
    assert reasons[2].startswith("KeyError: 'lane' (stand_in_maker.py, line ")
    assert summary.written == 2
    assert not list(bulk.out.glob('.scene*'))
    # Nothing random is in them: they are not tried again within a run, but in the next.
    (bulk.orders / '0').unlink()
    assert bulk.run(bulk.requests(range(4))).written == 3


def test_a_full_disk_stops_the_run_and_keeps_what_is_there(bulk: Any) -> None:
    bulk.order(2, 'full')
    with pytest.raises(DataError, match=r'stopped at seed 2: OSError: .*No space left'):
        bulk.run(bulk.requests(range(40)), jobs=1)
    assert {path.name for path in bulk.out.glob('scene_*')} == {'scene_000000', 'scene_000001'}
    assert not list(bulk.out.glob('.scene*'))


def test_a_process_that_hangs_is_ended(bulk: Any) -> None:
    bulk.order(0, 'hang')
    summary = bulk.run(bulk.requests([0, 1]), silent_s=1.5)
    assert summary.written == 1
    assert summary.failed[0].reason.startswith('its process told nothing for ')


def test_two_runs_do_not_write_to_one_folder(bulk: Any) -> None:
    with (
        SceneStore(bulk.out).claimed(),
        pytest.raises(DataError, match='another run is writing to'),
    ):
        bulk.run(bulk.requests([0]))


def test_a_folder_that_cannot_be_written_is_named(bulk: Any, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    bulk.out = tmp_path / 'file' / 'out'
    with pytest.raises(DataError, match=r'file/out cannot be written: Not a directory'):
        bulk.run(bulk.requests([0]))


def test_an_interrupt_ends_the_processes_and_keeps_finished_scenes(bulk: Any) -> None:
    bulk.order(1, 'wait')

    def interrupt(outcome: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bulk.run(bulk.requests([0, 1]), on_outcome=interrupt)
    assert {path.name for path in bulk.out.glob('*scene*')} == {'scene_000000'}
    for process in {*bulk.tries(0), *bulk.tries(1)}:
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)
    (bulk.orders / '1.go').touch()
    assert bulk.run(bulk.requests([0, 1])).earlier == 1


RUN = """
import signal
import sys
from conftest import Bulk
from pathlib import Path
from stand_in_maker import make

if __name__ == '__main__':
    # A shell has what it starts in the background ignore interrupts, tests and all.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bulk = Bulk(Path(sys.argv[1]), Path(sys.argv[2]), make)
    bulk.run(bulk.requests(range(3)), jobs=1, on_outcome=lambda o: print(o.seed, flush=True))
"""


@pytest.mark.parametrize('by', [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_loses_no_finished_scene(bulk: Any, tmp_path: Path, by: int) -> None:
    bulk.order(2, 'wait')
    script = tmp_path / 'bulk_in_a_process.py'
    script.write_text(RUN)
    place = f'{Path(__file__).parent}{os.pathsep}{ROOT}'
    run = subprocess.Popen(
        [sys.executable, script, bulk.out, bulk.orders],
        env={**os.environ, 'PYTHONPATH': place},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert run.stdout is not None
    assert [run.stdout.readline().strip() for _ in range(2)] == ['0', '1']
    run.send_signal(by)
    assert run.wait(30.0) != 0
    (bulk.orders / '2.go').touch()
    summary = bulk.run(bulk.requests(range(3)))
    assert (summary.written, summary.earlier) == (3, 2)


def test_outcomes_that_are_not_wanted_end_the_processes(bulk: Any) -> None:
    from prediction_node.generation.workers import LocalWorkers

    bulk.order(1, 'raise')
    with SceneStore(bulk.out).claimed():
        outcomes = LocalWorkers(bulk.make, SceneStore(bulk.out), 1).outcomes(bulk.requests([1, 0]))
        assert isinstance(next(iter(outcomes)), Failed)
        outcomes.close()
    assert bulk.tries(0) == []
