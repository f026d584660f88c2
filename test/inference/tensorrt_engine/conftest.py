"""The shipped model, scenes of the samples, and a small network that is made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prediction_node.domain.model_folder import ModelFolder
from prediction_node.resources import share_directory


@pytest.fixture(scope='session')
def shipped() -> ModelFolder:
    folder = share_directory() / 'models' / 'product'
    if not (folder / 'model.json').is_file():
        pytest.skip(f'needs the shipped model in {folder}')
    return ModelFolder.read(folder)


@pytest.fixture(scope='session')
def rtx() -> Any:
    from prediction_node.inference.tensorrt_engine.flavour import RTX, find_flavour

    pytest.importorskip('tensorrt_rtx', reason='needs requirements/tensorrt.txt')
    return find_flavour(RTX)


@pytest.fixture(scope='session')
def scenes() -> Any:
    """Scenes of both samples, the same for all tests."""
    from prediction_node.stored_scenes import sample_scenes

    return [*sample_scenes('city', 3), *sample_scenes('lankershim', 2)]


@pytest.fixture(scope='session')
def typed(shipped: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The shipped model, typed for half precision."""
    pytest.importorskip('onnx', reason='needs requirements/tensorrt.txt')
    from prediction_node.inference.tensorrt_engine.typed_model import typed_model

    into: Path = tmp_path_factory.mktemp('typed')
    return typed_model(shipped, 'fp16', into)
