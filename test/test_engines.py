"""Which engine predicts: by parameter, behind its guard, and refused with the file's name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.config import Config, from_flat
from prediction_node.domain.errors import ParameterError, PredictionNodeError
from prediction_node.domain.stamps import STEP_NS
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import Pipeline, Release
from prediction_node.rehearsal import rehearse
from prediction_node.resources import share_directory, share_path

Drive = Callable[[Pipeline, int], list[Release]]


def with_engine(name: str, model_path: str = '') -> Config:
    return from_flat({'engine.name': name, 'engine.model_path': model_path})


@pytest.fixture(scope='module')
def shipped() -> Path:
    """The shipped model's folder; the test is skipped where none is."""
    folder = share_directory() / 'models' / 'product'
    if not (folder / 'model.json').is_file():
        pytest.skip(f'needs the shipped model in {folder}')
    return folder


@pytest.fixture(scope='session')
def drive(releases_of: Callable[..., Iterator[Release]]) -> Drive:
    """Releases of the beginning of the sample."""
    return lambda pipeline, cycles: list(itertools.islice(releases_of(pipeline), cycles))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ParameterError, match=r'engine\.name must be one of kinematic, onnx'):
        with_engine('psychic')


def test_a_missing_model_is_named_when_the_pipeline_gets_ready() -> None:
    pipeline = Pipeline(with_engine('onnx', '/nowhere/model'), None)
    with pytest.raises(PredictionNodeError, match='/nowhere/model'):
        rehearse(pipeline)


@pytest.mark.parametrize('text', ['', '{}', '{"format": 99}', 'not json', '[]'])
def test_a_damaged_description_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / 'model.json').write_text(text)
    pipeline = Pipeline(with_engine('onnx', str(tmp_path)), None)
    with pytest.raises(PredictionNodeError, match=r'model\.json'):
        pipeline.prepare()


def test_a_model_whose_file_was_changed_is_refused(shipped: Path, tmp_path: Path) -> None:
    for file in shipped.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    data = bytearray((tmp_path / 'encoder_cpu.onnx').read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / 'encoder_cpu.onnx').write_bytes(data)
    with pytest.raises(PredictionNodeError, match='encoder'):
        Pipeline(with_engine('onnx', str(tmp_path)), None).prepare()


def test_a_model_of_another_contract_is_refused(shipped: Path, tmp_path: Path) -> None:
    for file in shipped.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    content = json.loads((tmp_path / 'model.json').read_text())
    (tmp_path / 'model.json').write_text(json.dumps({**content, 'contract': 10_000}))
    with pytest.raises(PredictionNodeError, match='contract'):
        Pipeline(with_engine('onnx', str(tmp_path)), None).prepare()


def test_the_kinematic_predictor_needs_no_model() -> None:
    pipeline = Pipeline(with_engine('kinematic', '/nowhere/model'), None)
    pipeline.prepare()
    assert pipeline.engine.name == 'kinematic'
    assert pipeline.raster is None


@pytest.fixture(scope='module')
def learned(shipped: Path, drive: Drive) -> tuple[Pipeline, list[Release]]:
    lane_map = load_map(share_path('samples', 'lankershim', 'map.osm'))
    pipeline = Pipeline(with_engine('onnx'), lane_map)
    rehearse(pipeline)
    return pipeline, drive(pipeline, 16)


def test_the_shipped_model_predicts(learned: tuple[Pipeline, list[Release]]) -> None:
    pipeline, releases = learned
    last = releases[-1]
    assert last.prediction.engine == 'onnx'
    assert len(last.prediction.agents) > 10
    assert pipeline.engine.faults == 0
    assert np.isfinite(last.prediction.pose).all()
    np.testing.assert_allclose(last.prediction.probability.sum(axis=1), 1.0, atol=1e-6)
    assert pipeline.raster is not None


def test_a_network_that_fails_costs_its_answer_only(
    learned: tuple[Pipeline, list[Release]], drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prediction_node.inference.onnx_model import OnnxModel

    pipeline, _ = learned

    def fail(*_: Any) -> Any:
        raise MemoryError('no room')

    lane_map = pipeline.lane_map
    other = Pipeline(with_engine('onnx'), lane_map)
    with monkeypatch.context() as patch:
        patch.setattr(OnnxModel, 'encode', fail)
        releases = drive(other, 9)
    last = releases[-1]
    assert last.prediction.engine == 'kinematic'
    assert any('engine fallback (onnx: MemoryError: no room)' in r for r in last.reasons)
    again = other.release(last.release_ns + STEP_NS)
    assert again.prediction.engine == 'onnx'
