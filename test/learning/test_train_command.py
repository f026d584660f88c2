"""`train` from the command line to a model that answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('lightning', reason='needs requirements/training.txt')
pytest.importorskip('onnxruntime', reason='needs the vehicle requirements')

import torch
import yaml

from prediction_node.cli import main
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.inference.onnx_model import OnnxModel
from prediction_node.learning.parameters import (
    from_mapping,
    load_parameters,
    parameter_table,
)
from prediction_node.learning.run import network_config
from prediction_node.learning.synthetic import SyntheticExamples
from prediction_node.network import Network
from prediction_node.network.export import load

CONFIG = Path(__file__).resolve().parents[2] / 'config' / 'train'


@pytest.mark.slow
@pytest.mark.timeout(900)  # the export of two halves
def test_train_leaves_a_model_that_answers(
    tmp_path: Path, tiny_parameters: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parameters from YAML, values from the command line, a model folder that the vehicle reads."""
    config = tmp_path / 'tiny.yaml'
    config.write_text(yaml.safe_dump(tiny_parameters().as_dict()), encoding='utf-8')
    out = tmp_path / 'out'
    arguments = ['train', '--config', str(config), '--out', str(out)]
    assert (
        main(
            [*arguments, 'run.steps=4', 'run.validate_every=4', 'intended_use=Nothing but a test.']
        )
        == 0
    )
    assert 'ready for engine.model_path' in capsys.readouterr().out.replace('\n', ' ')

    folder = ModelFolder.read(out / 'model')
    figures = json.loads((out / 'figures.json').read_text(encoding='utf-8'))
    assert folder.calibration == figures['calibration']
    card = (out / 'model' / 'card.md').read_text(encoding='utf-8')
    assert card.startswith('# tiny\n\nNothing but a test.')
    assert figures['record']['digest'] in card
    shown = f'{figures["figures"]["moving/min_fde_8s"]:.2f}'
    assert '| moving | 8s |' in card
    assert shown in card
    assert list((out / 'curves').glob('events*'))

    # The exported file says what the trained network says.
    sizes = folder.sizes
    example = SyntheticExamples(sizes, 4, 9).example(0, None)
    network, model = load(out / 'model'), OnnxModel(folder, agents=sizes.agents, threads=1)
    names = network.encoder.inputs
    batch = {name: torch.from_numpy(example[name])[None] for name in names}
    with torch.no_grad():
        expected = network(batch)['mean'].numpy()
    plan = np.zeros((1, sizes.blocks, 5), np.float32)
    encoded = model.encode({name: example[name] for name in names})
    answer = model.decode(encoded, plan, plan[..., 0])
    np.testing.assert_allclose(answer['mean'], expected, atol=1e-2)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['run.stepps=3'], "run.stepps is unknown; did you mean 'steps'"),
        (['run.steps=many'], 'run.steps must be a int'),
        (['run.steps=0'], 'steps must be >= 1'),
        (['steps'], 'must be key.key=value'),
        (['network.width=17'], 'network: width must be divisible'),
        (['network.depth=17'], 'network: '),
        (['loss.class_weight={camel: 2}'], 'must name classes'),
        (['loss.temperature={car: 0}'], 'loss.temperature.car must be >= 0.01, got 0'),
        (['data.kind=samples'], 'data.folders must name sample folders'),
        (['data.kind=samples', 'data.options={}', '--data', '/nowhere'], 'holds no index.json'),
        (['data.options={size: 2}'], 'data.options of synthetic are'),
        (['run.initial_weights=/nowhere.safetensors'], 'no weights can be read'),
    ],
)
def test_bad_input_is_named(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke = ['train', '--config', str(CONFIG / 'smoke.yaml'), '--out', str(tmp_path / 'out')]
    assert main([*smoke, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_config_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['train', '--config', '/nowhere.yaml']) == 2
    assert '/nowhere.yaml: cannot be read' in capsys.readouterr().err


@pytest.mark.parametrize('path', sorted(CONFIG.glob('*.yaml')), ids=lambda p: p.stem)
def test_shipped_configs_describe_networks(path: Path) -> None:
    """Each can be read, and its network built."""
    parameters = load_parameters(path)
    assert parameters.name == path.stem
    if parameters.data.kind != 'eth_ucy':
        assert Network(network_config(parameters)).config.sizes.agents == parameters.data.agents


def test_ablations_leave_out_what_they_say() -> None:
    product = CONFIG / 'product.yaml'
    whole = network_config(load_parameters(product))
    blind = network_config(load_parameters(product, overrides=['network.use_raster=false']))
    alone = network_config(load_parameters(product, overrides=['network.use_graph=false']))
    assert whole.sizes.channels > 0
    assert blind.sizes.channels == 0
    assert whole.use_graph
    assert not alone.use_graph


def test_the_documentation_lists_all_parameters() -> None:
    text = (CONFIG.parents[1] / 'docs' / 'training.md').read_text(encoding='utf-8')
    assert parameter_table() in text


def test_parameters_survive_a_round_trip(tiny_parameters: Any) -> None:
    parameters = tiny_parameters(loss={'class_weight': {'bus': 3.0}})
    assert from_mapping(parameters.as_dict(), 'test') == parameters
