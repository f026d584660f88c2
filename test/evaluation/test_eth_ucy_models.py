"""The shipped pedestrian networks: what they were made from, and how good they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from prediction_node.crowds.files import SCENES, read_crowd, split_files
from prediction_node.domain.errors import DataError, PredictionNodeError
from prediction_node.evaluation.eth_ucy import score_scene
from prediction_node.evaluation.eth_ucy_models import FoldModel, open_model
from prediction_node.resources import share_path

pytest.importorskip('onnxruntime', reason='needs onnxruntime')


@pytest.fixture(scope='module')
def models() -> Path:
    return share_path('models', 'eth_ucy')


@pytest.fixture(scope='module')
def data(shared_data: Path) -> Path:
    return shared_data / 'eth_ucy'


def ignore(what: str, done: int, total: int) -> None:
    assert done <= total


@pytest.mark.parametrize('scene', SCENES)
def test_every_fold_is_shipped_and_was_made_without_its_test(
    models: Path, data: Path, scene: str
) -> None:
    assert isinstance(open_model(models, scene, data), FoldModel)
    for path in (models / scene).iterdir():
        assert path.stat().st_size <= 1_000_000, path
    assert (models / scene / 'weights.safetensors').is_file()


@pytest.mark.parametrize(
    ('scene', 'likely_m', 'best_m'),
    [('eth', (0.87, 1.92), (0.42, 0.75)), ('hotel', (0.25, 0.47), (0.13, 0.21))],
)
def test_shipped_networks_are_as_good_as_the_documents_say(
    models: Path,
    data: Path,
    scene: str,
    likely_m: tuple[float, float],
    best_m: tuple[float, float],
) -> None:
    crowds = [read_crowd(path) for path in split_files(data, scene, 'test')]
    figures = score_scene(scene, crowds, open_model(models, scene, data), ignore).figures()
    assert np.all(np.array(figures['most_likely']) <= likely_m)
    assert np.all(np.array(figures['best_of_20']) <= best_m)
    assert figures['ece'] <= 0.03


def test_a_network_that_may_have_seen_the_scene_is_refused(
    models: Path, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / 'hotel', tmp_path / 'eth')
    with pytest.raises(DataError, match='may be among what it learned'):
        open_model(tmp_path, 'eth', data)


def test_a_network_for_something_else_is_refused(models: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(models / 'eth', tmp_path / 'eth')
    described = tmp_path / 'eth' / 'model.json'
    content = json.loads(described.read_text(encoding='utf-8'))
    content['network']['sizes']['modes'] = 6
    described.write_text(json.dumps(content), encoding='utf-8')
    with pytest.raises(DataError, match='modes must be 20 for ETH/UCY, got 6'):
        open_model(tmp_path, 'eth', data)


def test_what_is_missing_or_damaged_is_named(models: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no model for zara1'):
        open_model(tmp_path, 'zara1', data)
    shutil.copytree(models / 'eth', tmp_path / 'eth')
    (tmp_path / 'eth' / 'encoder.onnx').write_bytes(b'not a network')
    crowds = [read_crowd(path) for path in split_files(data, 'eth', 'test')]
    with pytest.raises(PredictionNodeError, match=r'encoder\.onnx: SHA-256'):
        score_scene('eth', crowds, open_model(tmp_path, 'eth', data), ignore)
