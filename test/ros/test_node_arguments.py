"""What the executable says about its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='prediction_node.ros needs rclpy')

import rclpy

from prediction_node.ros import node

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert not rclpy.ok()


@pytest.mark.parametrize('flag', ['-h', '--help'])
def test_help_teaches_and_succeeds(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert node.main(['prediction', flag]) == 0
    text = capsys.readouterr().out
    assert text.startswith('usage: prediction')
    for taught in ('--ros-args', '--params-file', 'config/prediction.yaml', 'docs/interfaces.md'):
        assert taught in text
    assert max(map(len, text.splitlines())) <= 104


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (['config/prediction.yaml'], "'config/prediction.yaml'"),
        (['--params-file', 'mine.yaml'], "'--params-file'"),
        (['--ros-args', '--parameters', 'mine.yaml'], '--parameters'),
        (['--ros-args', '-p', 'map.path'], 'map.path'),
        (['--ros-args', '--params-file', '/nowhere/mine.yaml'], '/nowhere/mine.yaml'),
    ],
)
def test_what_it_does_not_understand_is_named(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert node.main(['prediction', *arguments]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert 'prediction --help' in said


def test_files_the_help_names_are_there() -> None:
    root = Path(__file__).resolve().parents[2]
    for name in ('config/prediction.yaml', 'config/fastdds.xml', 'docs/interfaces.md'):
        assert (root / name).is_file()
