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

from prediction_node.learning.best import read_weights
from prediction_node.learning.checkpoint import newest_checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_train_one_network(tmp_path: Path, tiny_parameters: Any) -> None:
    """They share the samples of a validation, and their figures are those of all of them: the first
    process, alone, finds the same when it ships the weights. A resumed run finds its place.
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
    alone = json.loads((out / 'figures.json').read_text(encoding='utf-8'))['figures']
    for name in ('all/min_ade', 'moving/likely_fde_8s', 'moving/min_fde_8s', 'car/likely_ade'):
        kinematic = f'{name}_kinematic'
        assert together[kinematic] == pytest.approx(alone[kinematic], rel=1e-6)
    # Temperatures may change which mode is likeliest for nobody: they keep the order.
    assert together['all/min_ade'] == pytest.approx(alone['all/min_ade'], rel=1e-5)
    assert together['moving/likely_fde_8s'] == pytest.approx(
        alone['moving/likely_fde_8s'], rel=1e-5
    )
