"""Counts have bounds, figures reach the disk or it is said, and no bar is drawn on a pipe."""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path

import pytest

from prediction_node.command_line import MOST, positive, progress_bar, write_json
from prediction_node.domain.errors import PredictionNodeError


@pytest.mark.parametrize('text', ['0', '-3', 'many', '1.5', '', str(MOST + 1)])
def test_what_is_no_count_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f'must be in 1 to {MOST}, got {text}$'):
        positive(text)


def test_a_count_may_have_its_own_bound() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--plans', type=functools.partial(positive, most=8))
    assert parser.parse_args(['--plans', '8']).plans == 8
    with pytest.raises(argparse.ArgumentError, match='must be in 1 to 8, got 9'):
        parser.parse_args(['--plans', '9'])


def test_figures_are_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'figures.json'
    write_json(path, {'a': 1.5, 'b': ['ü']})
    assert json.loads(path.read_text(encoding='utf-8')) == {'a': 1.5, 'b': ['ü']}
    write_json(None, {'a': 1})
    assert [each.name for each in path.parent.iterdir()] == ['figures.json']


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / 'taken').write_text('')
    with pytest.raises(PredictionNodeError, match=r'cannot write .*taken'):
        write_json(tmp_path / 'taken' / 'figures.json', {})


def test_a_bar_is_drawn_on_no_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as progress:
        progress('reading', 1, 2)
        progress('building', 0.5)
        progress('reading', 2, 2)
    assert capfd.readouterr() == ('', '')
