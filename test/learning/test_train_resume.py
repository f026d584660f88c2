"""A training that was stopped, however rudely, goes on as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('lightning', reason='needs requirements/training.txt')

import torch
import yaml
from rich.console import Console

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.learning.best import read_weights
from prediction_node.learning.checkpoint import Stopped, newest_checkpoint
from prediction_node.learning.module import Learner
from prediction_node.learning.run import train

REPOSITORY = Path(__file__).resolve().parents[2]
SILENT = Console(quiet=True)


def state_of(folder: Path) -> dict[str, Any]:
    """Everything a run left, but for what the clock says."""
    found = newest_checkpoint(folder / 'checkpoints')
    assert found is not None
    content = torch.load(found[0], weights_only=True)
    kept = ('global_step', 'state_dict', 'optimizer_states', 'callbacks', 'loops')
    # Of Lightning, and used by nothing: curves have a step of their own.
    del content['loops']['fit_loop']['epoch_loop.state_dict']
    tensors, metadata = read_weights(folder / 'best.safetensors')
    return {
        **{name: content[name] for name in kept},
        'best': tensors,
        'about': metadata['validation'],
    }


def assert_same(one: Any, other: Any, where: str = '') -> None:
    """Bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f'{where}/{key}')
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for k, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f'{where}[{k}]')
    else:
        assert one == other, where


def terminate_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """SIGTERM comes while the work of a step is being done."""
    whole = Learner.on_train_batch_end

    def interrupted(self: Learner, *arguments: Any) -> None:
        whole(self, *arguments)
        if self.global_step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Learner, 'on_train_batch_end', interrupted)


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory: pytest.TempPathFactory, tiny_parameters: Any) -> dict[str, Any]:
    """What the tiny training leaves when nobody stops it."""
    folder = tmp_path_factory.mktemp('unbroken')
    train(tiny_parameters(), folder, resume=False, console=SILENT)
    return state_of(folder)


@pytest.mark.parametrize('step', [3, 4])  # 4 is followed by a validation
def test_sigterm_saves_and_resuming_changes_nothing(
    step: int,
    tmp_path: Path,
    tiny_parameters: Any,
    unbroken: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patched:
        terminate_after(patched, step)
        with pytest.raises(Stopped, match=f'after step {step}'):
            train(tiny_parameters(), tmp_path, resume=False, console=SILENT)
    assert signal.getsignal(signal.SIGTERM) is before
    train(tiny_parameters(), tmp_path, resume=True, console=SILENT)
    assert_same(state_of(tmp_path), unbroken)


@pytest.mark.slow
@pytest.mark.timeout(900)  # three processes, each with all of torch to load, on busy machines
def test_kill_9_and_resuming_changes_nothing(
    tmp_path: Path, tiny_parameters: Any, unbroken: dict[str, Any]
) -> None:
    """A process of its own that saves after every step is killed twice, wherever it is."""
    config = tmp_path / 'tiny.yaml'
    config.write_text(yaml.safe_dump(tiny_parameters().as_dict()), encoding='utf-8')
    out = tmp_path / 'out'
    command = [sys.executable, '-m', 'prediction_node', 'train', '--config', str(config)]
    command += ['--out', str(out), '--no-export', '--resume', 'run.save_every_min=0']
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    for reached in (2, 6):
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as process:
            while process.poll() is None and newest_step(out) < reached:
                time.sleep(0.005)  # until the event: a checkpoint appears
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
    assert_same(state_of(out), unbroken)


def newest_step(folder: Path) -> int:
    steps = [int(path.stem.split('_')[1]) for path in (folder / 'checkpoints').glob('step_*.ckpt')]
    return max(steps, default=0)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, tiny_parameters: Any, unbroken: dict[str, Any]
) -> None:
    parameters = tiny_parameters(run={'save_every_min': 0.0})
    train(parameters, tmp_path, resume=False, console=SILENT)
    newest, before = sorted((tmp_path / 'checkpoints').iterdir(), reverse=True)
    newest.write_bytes(newest.read_bytes()[:5000])
    found = newest_checkpoint(tmp_path / 'checkpoints')
    assert found is not None
    assert found[0] == before
    train(parameters, tmp_path, resume=True, console=SILENT)
    assert_same(state_of(tmp_path), unbroken)
    for path in (tmp_path / 'checkpoints').iterdir():
        path.write_bytes(b'nothing')
    with pytest.raises(DataError, match='none of 2 checkpoints can be read'):
        train(parameters, tmp_path, resume=True, console=SILENT)


def test_a_training_is_not_overwritten_nor_mixed_with_another(
    tmp_path: Path, tiny_parameters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_after(patched, 2)
        with pytest.raises(Stopped):
            train(tiny_parameters(), tmp_path, resume=False, console=SILENT)
    with pytest.raises(DataError, match=r'holds a training \(step 2\): --resume'):
        train(tiny_parameters(), tmp_path, resume=False, console=SILENT)
    with monkeypatch.context() as patched:  # the first process of torchrun
        for name in ('RANK', 'LOCAL_RANK'):
            patched.setenv(name, '0')
        with pytest.raises(DataError, match='holds a training'):
            train(tiny_parameters(), tmp_path, resume=False, console=SILENT)
    others = {
        'data': tiny_parameters(data={'options': {'count': 33}}),
        'network': tiny_parameters(network={'width': 32}),
        'order of samples': tiny_parameters(run={'seed': 1}),
    }
    for what, parameters in others.items():
        with pytest.raises(ParameterError, match=f'another {what}'):
            train(parameters, tmp_path, resume=True, console=SILENT)


def test_a_finished_training_is_not_gone_on_with(
    tmp_path: Path, tiny_parameters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train(tiny_parameters(run={'steps': 4}), tmp_path, resume=False, console=SILENT)
    left = state_of(tmp_path)
    again = train(tiny_parameters(run={'steps': 4}), tmp_path, resume=True, console=SILENT)
    assert_same(state_of(tmp_path), left)
    assert first.step == again.step == 4
    assert_same(first.network.state_dict(), again.network.state_dict())


def test_it_stops_when_validation_gets_no_better(tmp_path: Path, tiny_parameters: Any) -> None:
    """A learning rate that spoils the weights: the best ones are those of the first validation."""
    parameters = tiny_parameters(
        run={'steps': 200, 'validate_every': 2, 'patience': 2},
        optimizer={'learning_rate': 0.5, 'gradient_clip': 0.0, 'ema_decay': 0.0},
    )
    train(parameters, tmp_path, resume=False, console=SILENT)
    found = newest_checkpoint(tmp_path / 'checkpoints')
    assert found is not None
    assert found[1]['finished']
    assert found[1]['step'] < 200


def test_a_checkpoint_says_where_it_comes_from(tmp_path: Path, tiny_parameters: Any) -> None:
    trained = train(
        tiny_parameters(run={'steps': 2, 'validate_every': 2}),
        tmp_path,
        resume=False,
        console=SILENT,
    )
    found = newest_checkpoint(tmp_path / 'checkpoints')
    assert found is not None
    assert found[1]['digest'] == trained.data.digest
    assert found[1]['code'].startswith('0.')
    assert (
        found[1]['parameters'] == tiny_parameters(run={'steps': 2, 'validate_every': 2}).as_dict()
    )
    assert found[1]['contract'] == 1


def test_time_ends_a_training_and_the_rate_falls_with_it(
    tmp_path: Path, tiny_parameters: Any
) -> None:
    parameters = tiny_parameters(run={'steps': 1_000_000, 'minutes': 0.02})
    train(parameters, tmp_path, resume=False, console=SILENT)
    found = newest_checkpoint(tmp_path / 'checkpoints')
    assert found is not None
    assert found[1]['elapsed_s'] >= 1.2
    content = torch.load(found[0], weights_only=True)
    rate = content['optimizer_states'][0]['param_groups'][0]['lr']
    assert rate < 0.5 * parameters.optimizer.learning_rate


def test_fine_tuning_starts_from_the_given_weights(tmp_path: Path, tiny_parameters: Any) -> None:
    base = train(tiny_parameters(), tmp_path / 'base', resume=False, console=SILENT)
    weights = tmp_path / 'base' / 'best.safetensors'
    still = tiny_parameters(
        run={'steps': 1, 'validate_every': 1, 'initial_weights': str(weights)},
        optimizer={'learning_rate': 0.0},
    )
    tuned = train(still, tmp_path / 'tuned', resume=False, console=SILENT)
    for name, value in base.network.state_dict().items():
        torch.testing.assert_close(tuned.network.state_dict()[name], value)
    other = tiny_parameters(network={'width': 32}, run={'initial_weights': str(weights)})
    with pytest.raises(DataError, match='weights of another network'):
        train(other, tmp_path / 'other', resume=False, console=SILENT)
