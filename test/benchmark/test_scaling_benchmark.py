"""The scaling benchmark fills every cell of its grid, counts what it says, refuses bad lists."""

from __future__ import annotations

import argparse
import builtins
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.benchmark import scaling
from prediction_node.benchmark.command import MOST_AGENTS, counts
from prediction_node.benchmark.inference import WARM_UP_CYCLES, percentiles
from prediction_node.benchmark.scaling_report import PICTURE, draw, table, title
from prediction_node.cli import main
from prediction_node.domain.tensors import Sizes

COUNTED = ('p50_ms', 'p99_ms', 'p999_ms', 'first_ms', 'open_s', 'memory_mb', 'cycles', 'map_nodes')


class Recorder:
    """A network that answers at once and remembers how many plans it was given."""

    def __init__(self, agents: int) -> None:
        self.sizes = Sizes(agents=agents, map_nodes=4, channels=0, cells=0)
        self.asked: list[int] = []

    def encode(self, arrays: Any) -> int:
        return len(arrays['proposal'])

    def decode(self, encoded: int, plan: np.ndarray, plan_valid: np.ndarray) -> dict[str, Any]:
        assert encoded == self.sizes.agents
        assert plan_valid.any() == (len(plan) > 1)  # one candidate stands for no plan
        self.asked.append(len(plan))
        return {}


def measured(
    agents: tuple[int, ...], candidates: tuple[int, ...], cycles: int
) -> tuple[list[dict[str, Any]], list[Recorder], list[tuple[float, float]]]:
    """Cells, engines in the order they were opened, progress as it was told."""
    opened: list[Recorder] = []
    told: list[tuple[float, float]] = []

    def open_for(number: int) -> Recorder:
        opened.append(Recorder(number))
        return opened[-1]

    def progress(what: str, done: float, total: float = 1.0) -> None:
        told.append((done, total))

    cells = scaling.measure_cells(open_for, agents, candidates, cycles, progress)
    return cells, opened, told


@pytest.mark.parametrize('cycles', [1, 7, 10, 33])
def test_every_cell_is_measured_as_often_as_asked(cycles: int) -> None:
    cells, opened, told = measured((3, 5), (1, 2, 4), cycles)
    assert [(cell['agents'], cell['candidates']) for cell in cells] == [
        (n, c) for n in (3, 5) for c in (1, 2, 4)
    ]
    assert {cell['cycles'] for cell in cells} == {cycles}
    assert [model.sizes.agents for model in opened] == [3, 5]  # once for each number of agents
    assert told[-1][0] == told[-1][1] == len(told) == sum(len(model.asked) for model in opened)
    for model in opened:
        for candidates in (1, 2, 4):
            assert model.asked.count(candidates) >= WARM_UP_CYCLES + cycles


def test_cells_take_turns() -> None:
    _, (model,), _ = measured((3,), (1, 2, 4), 40)
    turns = [model.asked[0]]
    turns += [b for a, b in zip(model.asked, model.asked[1:], strict=False) if a != b]
    forwards, backwards = [1, 2, 4], [4, 2, 1]
    both = forwards + backwards[1:] + forwards[1:]
    assert turns[: len(both)] == both
    assert len(turns) == scaling.TURNS * 2 + 1
    second = model.asked[len(model.asked) // 2 :]
    assert set(second) == {1, 2, 4}


def test_percentiles_are_of_each_half_and_of_both() -> None:
    figures = percentiles([(0.001 * i, 0.002 * i) for i in range(101)])
    assert figures['encode_p50_ms'] == pytest.approx(50.0)
    assert figures['decode_p99_ms'] == pytest.approx(198.0)
    assert figures['p50_ms'] == pytest.approx(150.0)
    assert figures['p999_ms'] == pytest.approx(299.7)


def test_memory_is_that_of_this_process() -> None:
    if sys.platform != 'linux':
        pytest.skip('resident memory is read from /proc')
    before = scaling.resident_mb()
    kept = np.ones(25_000_000)
    after = scaling.resident_mb()
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(kept.nbytes / 1e6, rel=0.2)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('', 'must be in 1 to'),
        ('16,', 'must be in 1 to'),
        ('16,0', 'must be in 1 to 1024, got 0'),
        ('16;32', 'must be in 1 to 1024, got 16;32'),
        ('16,many', 'must be in 1 to 1024, got many'),
        (f'{MOST_AGENTS + 1}', 'must be in 1 to 1024, got 1025'),
        ('16,32,16', 'names a number twice: 16,32,16'),
    ],
)
def test_bad_lists_are_refused_with_a_reason(
    text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=reason):
        counts(text, MOST_AGENTS)
    with pytest.raises(SystemExit) as stopped:
        main(['benchmark', 'scaling', '--agents-list', text])
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert 'argument --agents-list' in message
    assert reason in message


def test_lists_are_put_in_order() -> None:
    assert counts('64, 16,32', MOST_AGENTS) == (16, 32, 64)


def test_without_matplotlib_no_minute_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition('.')[0] == 'matplotlib':
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    monkeypatch.setattr(scaling, 'open_model', lambda *_: pytest.fail('an engine was opened'))
    assert main(['benchmark', 'scaling', '--out', str(tmp_path / 'out')]) == 2
    assert 'matplotlib: it is in requirements/training.txt' in capsys.readouterr().err


def test_a_picture_that_cannot_be_kept_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('matplotlib', reason='needs requirements/training.txt')
    (tmp_path / 'taken').write_text('')
    assert main(['benchmark', 'scaling', '--out', str(tmp_path / 'taken' / 'out')]) == 2
    assert 'cannot make' in capsys.readouterr().err


def test_the_shipped_model_over_a_small_grid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('matplotlib', reason='needs requirements/training.txt')
    path = tmp_path / 'scaling.json'
    arguments = ['--agents-list', '8,4', '--candidates-list', '1,2', '--cycles', '3']
    command = ['benchmark', 'scaling', *arguments, '--json', str(path)]
    assert main([*command, '--out', str(tmp_path / 'out')]) == 0
    figures = json.loads(path.read_text(encoding='utf-8'))['scaling']
    assert (figures['engine'], figures['threads'], figures['model']) == ('onnx', 1, 'product')
    assert {'processor', 'cores', 'python', 'onnxruntime'} <= figures['machine'].keys()
    pairs = [(cell['agents'], cell['candidates']) for cell in figures['cells']]
    assert pairs == [(4, 1), (4, 2), (8, 1), (8, 2)]
    for cell in figures['cells']:
        assert set(COUNTED) <= cell.keys()
        assert cell['cycles'] == 3
        for stage in ('', 'encode_', 'decode_'):
            assert 0.0 < cell[f'{stage}p50_ms'] <= cell[f'{stage}p99_ms']
            assert cell[f'{stage}p99_ms'] <= cell[f'{stage}p999_ms']
    assert (tmp_path / 'out' / PICTURE).read_bytes().startswith(b'\x89PNG')
    printed = capsys.readouterr().out
    assert 'engine onnx, 1 thread;' in printed
    assert printed.count('none') == 2  # cells without a plan


def test_a_grid_of_one_cell_is_drawn_and_tabled(tmp_path: Path) -> None:
    pytest.importorskip('matplotlib', reason='needs requirements/training.txt')
    cells, _, _ = measured((3,), (1,), 2)
    figures = {'engine': 'torch', 'threads': 2, 'model': 'mine', 'cells': cells}
    assert title(figures) == 'Network mine: engine torch, 2 threads'
    assert table(figures | {'cells': [cells[0] | {'memory_mb': None}]}).row_count == 1
    draw(figures, tmp_path / PICTURE)
    assert (tmp_path / PICTURE).stat().st_size > 1000
