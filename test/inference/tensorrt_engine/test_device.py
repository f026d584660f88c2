"""The GPU as the driver describes it, or that there is none."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from prediction_node.inference.tensorrt_engine.device import NO_DEVICE, Device, find_device


class Library:
    """Answers like libcuda and NVML."""

    def __init__(self, failing: str = '') -> None:
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            if name == 'cuDeviceGet' and arguments[1] > 0:
                return 101  # CUDA_ERROR_INVALID_DEVICE
            if name == 'cuDeviceGetName':
                arguments[0].value = b'a GPU'
            elif name == 'nvmlSystemGetDriverVersion':
                arguments[0].value = b'580.65.06'
            elif name == 'cuDeviceGetAttribute':
                _write(arguments[0], {75: 8, 76: 9}[arguments[1]])
            elif name == 'cuDriverGetVersion':
                _write(arguments[0], 13000)
            return 100 if name == self._failing else 0

        return call


def _write(pointer: Any, value: int) -> None:
    ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int))[0] = value


def loader(**libraries: Library) -> Any:
    def load(name: str) -> Library:
        key = 'cuda' if name.startswith('libcuda') else 'nvml'
        if key not in libraries:
            raise OSError(f'{name}: cannot open shared object file')
        return libraries[key]

    return load


def test_a_gpu_is_described_by_its_driver(tmp_path: Path) -> None:
    found = find_device(0, loader(cuda=Library(), nvml=Library()), tmp_path / 'none')
    assert found == Device('a GPU', '8.9', '580.65.06')
    assert found.present


def test_without_nvml_the_kernel_module_or_cuda_names_the_driver(tmp_path: Path) -> None:
    file = tmp_path / 'version'
    file.write_text('NVRM version:  Kernel Module  540.4\nGCC version\n')
    load = loader(cuda=Library())
    assert find_device(0, load, file).driver == 'NVRM version: Kernel Module 540.4'
    assert find_device(0, load, tmp_path / 'none').driver == 'CUDA 13000'


@pytest.mark.parametrize(
    'failing', ['cuInit', 'cuDeviceGet', 'cuDeviceGetName', 'cuDeviceGetAttribute']
)
def test_a_failing_driver_is_no_gpu(failing: str, tmp_path: Path) -> None:
    assert find_device(0, loader(cuda=Library(failing)), tmp_path) == NO_DEVICE


def test_no_driver_is_no_gpu(tmp_path: Path) -> None:
    assert find_device(0, loader(), tmp_path) == NO_DEVICE
    assert find_device(1, loader(cuda=Library()), tmp_path) == NO_DEVICE
    assert not NO_DEVICE.present
