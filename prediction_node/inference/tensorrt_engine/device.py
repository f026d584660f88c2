"""Which GPU is there, asked of the driver itself: no CUDA toolkit, no context, no memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# https://docs.nvidia.com/cuda/cuda-driver-api: numbers of CUdevice_attribute.
_MAJOR, _MINOR = 75, 76
_VERSION_FILE = Path('/proc/driver/nvidia/version')
_NAME_BYTES = 256


@dataclass(frozen=True)
class Device:
    """A GPU and its driver, as far as an engine depends on them."""

    name: str
    compute_capability: str  # such as 8.9
    driver: str

    @property
    def present(self) -> bool:
        return self != NO_DEVICE


NO_DEVICE = Device('no GPU', '', '')


def find_device(
    number: int = 0,
    load: Callable[[str], Any] = ctypes.CDLL,
    version_file: Path = _VERSION_FILE,
) -> Device:
    """The GPU of that number; NO_DEVICE where there is no driver or no such GPU."""
    try:
        cuda = load('libcuda.so.1')
    except OSError:
        return NO_DEVICE
    if cuda.cuInit(0) != 0:
        return NO_DEVICE
    handle, value = ctypes.c_int(), ctypes.c_int()
    if cuda.cuDeviceGet(ctypes.byref(handle), number) != 0:
        return NO_DEVICE
    text = ctypes.create_string_buffer(_NAME_BYTES)
    if cuda.cuDeviceGetName(text, _NAME_BYTES, handle) != 0:
        return NO_DEVICE
    capability = []
    for attribute in (_MAJOR, _MINOR):
        if cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, handle) != 0:
            return NO_DEVICE
        capability.append(str(value.value))
    cuda.cuDriverGetVersion(ctypes.byref(value))
    driver = _driver_release(load, version_file) or f'CUDA {value.value}'
    return Device(text.value.decode(errors='replace'), '.'.join(capability), driver)


def _driver_release(load: Callable[[str], Any], version_file: Path) -> str:
    """Such as 580.65.06; '' where neither NVML nor the kernel module says."""
    try:
        nvml = load('libnvidia-ml.so.1')
        text = ctypes.create_string_buffer(_NAME_BYTES)
        if nvml.nvmlInit_v2() == 0:
            done = nvml.nvmlSystemGetDriverVersion(text, _NAME_BYTES)
            nvml.nvmlShutdown()
            if done == 0:
                return text.value.decode(errors='replace')
    except (OSError, AttributeError):
        pass
    try:
        first = version_file.read_text(encoding='utf-8', errors='replace').splitlines()[:1]
    except OSError:
        return ''
    return ' '.join(first[0].split()) if first else ''
