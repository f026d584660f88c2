"""Two processes that talk over gloo train one network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('lightning', reason='needs requirements/training.txt')

import yaml

from prediction_node.learning.best import adopt_weights, read_weights
from prediction_node.learning.calibration import ask
from prediction_node.learning.checkpoint import newest_checkpoint
from prediction_node.learning.data import validation_loader
from prediction_node.learning.open_data import open_data
from prediction_node.learning.parameters import TrainParameters
from prediction_node.learning.run import network_config
from prediction_node.learning.tally import Tally
from prediction_node.network import Network

REPOSITORY = Path(__file__).resolve().parents[2]


def figures_of_one_process(weights: Path, parameters: TrainParameters) -> dict[str, float]:
    """What a validation finds of all its samples, all modes counted."""
    network = Network(network_config(parameters))
    adopt_weights(network, weights)
    data = open_data(parameters, network.config)
    batches = validation_loader(
        data.validation, batch_size=4, limit=parameters.data.validation_limit,
        rank=0, processes=1, workers=0,
    )  # fmt: skip
    tally = Tally(data.sizes.weights)
    for output, batch in ask(network.eval(), batches):
        log_weight = output['weight_logit'].log_softmax(2)
        tally.add(output['mean'], log_weight, batch, output['spread'])
    return tally.figures(data.sizes.step_s, data.sizes.steps)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_train_one_network(tmp_path: Path, tiny_parameters: Any) -> None:
    """They share the samples of a validation, and their figures are those of all of them: one
    process alone finds the same. A resumed run finds its place.
    """
    changes = {'devices': 2, 'steps': 8, 'validate_every': 4, 'save_every_min': 0.0}
    parameters = tiny_parameters(run=changes, data={'validation_limit': 15})
    config = tmp_path / 'two.yaml'
    config.write_text(yaml.safe_dump(parameters.as_dict()), encoding='utf-8')
    out = tmp_path / 'out'
    command = [sys.executable, '-m', 'prediction_node', 'train', '--config', str(config)]
    command += ['--out', str(out), '--no-export']
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)

    found = newest_checkpoint(out / 'checkpoints')
    assert found is not None
    assert found[1]['step'] == 8
    about = json.loads(read_weights(out / 'best.safetensors')[1]['validation'])
    together = about['figures']
    shipped = json.loads((out / 'figures.json').read_text(encoding='utf-8'))['figures']
    alone = figures_of_one_process(out / 'best.safetensors', parameters)
    for name in ('all/min_ade', 'moving/likely_fde_8s', 'moving/min_fde_8s', 'car/likely_ade'):
        kinematic = f'{name}_kinematic'
        assert together[kinematic] == pytest.approx(shipped[kinematic], rel=1e-6)
        assert together[name] == pytest.approx(alone[name], rel=1e-5)
    # Planners are told fewer modes than training looks at.
    assert shipped['all/min_ade'] >= alone['all/min_ade'] - 1e-5
