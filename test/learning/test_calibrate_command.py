"""`calibrate`: another calibration, the same networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
pytest.importorskip('lightning', reason='needs the training libraries')

import yaml  # noqa: E402

from prediction_node.cli import main  # noqa: E402
from prediction_node.domain.kinds import CLASS_NAMES  # noqa: E402
from prediction_node.domain.model_folder import (  # noqa: E402
    DESCRIPTION,
    ModelFolder,
    write_description,
)
from prediction_node.learning.folds import Fold, write_fold  # noqa: E402
from prediction_node.learning.run import network_config  # noqa: E402
from prediction_node.network import Network  # noqa: E402
from prediction_node.network.export import save_weights  # noqa: E402

FAR_OFF = dict.fromkeys(CLASS_NAMES, 9.0)


@pytest.fixture
def model(tmp_path: Path, tiny_parameters: Any) -> Path:
    """Untrained, badly calibrated, without ONNX files, which nobody reads here; and its config."""
    parameters = tiny_parameters(data={'options': {'count': 400}})
    (tmp_path / 'tiny.yaml').write_text(yaml.safe_dump(parameters.as_dict()), encoding='utf-8')
    network = Network(network_config(parameters)).eval()
    folder = tmp_path / 'model'
    folder.mkdir()
    save_weights(network, folder / 'weights.safetensors')
    meta = {'calibration': {'temperature': FAR_OFF}, 'provenance': {'step': 7}, 'note': 'kept'}
    write_description(folder, network.config.as_dict(), (), meta)
    return folder


def command(model: Path, out: Path) -> int:
    config = str(model.parent / 'tiny.yaml')
    return main(
        ['calibrate', '--model', str(model), '--config', config, '--out', str(out), 'run.seed=3']
    )


def test_temperatures_and_spreads_are_found_and_all_else_is_kept(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out'
    assert command(model, out) == 0
    assert 'ready for engine.model_path' in capsys.readouterr().out
    before, after = ModelFolder.read(model), ModelFolder.read(out)
    assert before.calibration == {'temperature': FAR_OFF}
    assert set(after.calibration) == {'temperature', 'sigma_scale'}
    found = after.calibration['temperature']
    assert min(found.values()) < 4.5
    assert found['animal'] == 9.0  # nobody was one: it keeps what it has
    assert after.files == before.files
    assert (
        after.file('weights.safetensors').read_bytes()
        == before.file('weights.safetensors').read_bytes()
    )
    assert after.provenance['step'] == 7
    assert len(after.provenance['calibrated']['data']) == 64
    assert json.loads((out / DESCRIPTION).read_text())['note'] == 'kept'
    assert command(out, out) == 0  # over itself, to the same effect
    assert ModelFolder.read(out).calibration == after.calibration


def test_a_fold_is_not_calibrated_by_samples_of_no_fold(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could tell whether these samples are among what it holds out."""
    write_fold(model, Fold(0, 4, ('SOMEWHERE-1',)))
    assert command(model, tmp_path / 'out') == 2
    assert 'holds out SOMEWHERE-1' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_what_is_no_model_is_named(model: Path, tmp_path: Path, capsys: Any) -> None:
    (model / DESCRIPTION).unlink()
    assert command(model, tmp_path / 'out') == 2
    assert f'{model}: no model here' in capsys.readouterr().err


def test_nothing_to_calibrate_on_is_said(model: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(['calibrate', '--model', str(model), '--out', str(tmp_path / 'out')]) == 2
    assert 'name sample folders' in capsys.readouterr().err
