"""What is read off a GPU, and what is said where there is none."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from prediction_node.benchmark.engines import ENGINES
from prediction_node.benchmark.gpu import gpu_figures
from prediction_node.cli import main


def nvidia_smi(folder: Path, script: str) -> None:
    """A stand-in for NVIDIA's tool: there is no GPU where this is tested."""
    tool = folder / 'nvidia-smi'
    tool.write_text(f'#!/bin/sh\n{script}\n', encoding='utf-8')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def test_figures_are_those_of_the_first_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    nvidia_smi(tmp_path, 'echo "NVIDIA RTX 4000, 580.65.06, 812, 71.34"; echo "second, 1, 2, 3"')
    expected = {
        'gpu': 'NVIDIA RTX 4000',
        'gpu_driver': '580.65.06',
        'gpu_memory_mb': 812.0,
        'gpu_power_w': 71.34,
    }
    assert gpu_figures('tensorrt') == expected
    assert gpu_figures('onnx-cuda') == expected
    assert gpu_figures('onnx') == gpu_figures('torch') == {}


@pytest.mark.parametrize(
    'script', ['echo "NVIDIA Thor, 580.00, [N/A], [N/A]"', 'exit 9', 'true', 'echo "odd"']
)
def test_what_is_not_told_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    nvidia_smi(tmp_path, script)
    figures = gpu_figures('torch-cuda')
    assert set(figures) == {'gpu', 'gpu_driver', 'gpu_memory_mb', 'gpu_power_w'}
    assert figures['gpu_memory_mb'] is None
    assert figures['gpu_power_w'] is None


@pytest.mark.parametrize('engine', [name for name in ENGINES if name not in ('onnx', 'torch')])
def test_an_engine_without_its_gpu_is_named(
    engine: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prediction_node.inference.tensorrt_engine.device import find_device

    if find_device().present:
        pytest.skip('there is a GPU')
    if engine.startswith('torch'):
        pytest.importorskip('torch', reason='needs the training libraries')
    assert main(['benchmark', 'inference', '--engine', engine]) == 2
    said = capsys.readouterr().err
    assert any(word in said for word in ('CUDA', 'TensorRT', 'GPU'))


def test_engines_of_tensorrt_come_in_two_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['benchmark', 'inference', '--engine', 'tensorrt', '--agents', '32']) == 2
    assert 'of 64 or 256 agents, got 32' in capsys.readouterr().err
