"""TensorRT 10 and 11, and TensorRT for RTX, behind one name. Nothing else imports them.

The two speak alike; where they differ, `Flavour` says how. TensorRT for RTX builds engines without
a GPU and finishes them on the GPU at hand when they are loaded; the full TensorRT needs that GPU to
build, and measures on it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prediction_node.domain.errors import EngineError

FULL, RTX = 'tensorrt', 'tensorrt_rtx'
FLAVOURS = (FULL, RTX)
OLDEST = {FULL: 10, RTX: 1}  # major version: since then networks may be strongly typed


@dataclass(frozen=True, eq=False)
class Flavour:
    """One of the two libraries, imported."""

    name: str
    version: str
    api: Any

    @property
    def is_rtx(self) -> bool:
        return self.name == RTX

    @property
    def times_on_gpu(self) -> bool:
        """Does building measure on a GPU, so that a timing cache is worth keeping?"""
        return not self.is_rtx

    def logger(self) -> tuple[Any, list[str]]:
        """A logger for the library, and the list in which it leaves warnings and errors."""
        api = self.api
        said: list[str] = []

        class Collector(api.ILogger):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                api.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                if int(severity) <= int(api.ILogger.WARNING):
                    said.append(' '.join(str(message).split()))

        return Collector(), said


def find_flavour(wanted: str = '') -> Flavour:
    """The library of that name; '': the full TensorRT where it is installed, else that for RTX.

    Raises EngineError where it is missing, cannot be loaded, or is too old.
    """
    if wanted and wanted not in FLAVOURS:
        raise EngineError(f'TensorRT must be one of {", ".join(FLAVOURS)}, got {wanted}')
    reasons = []
    for name in [wanted] if wanted else FLAVOURS:
        try:
            api = importlib.import_module(name)
        # A library whose CUDA is missing raises OSError or classes of its own.
        except Exception as error:
            reasons.append(f'{name}: {" ".join(str(error).split()):.200}')
            continue
        version = str(getattr(api, '__version__', '0'))
        if _major(version) < OLDEST[name]:
            reasons.append(f'{name} must be of version {OLDEST[name]} or later, got {version}')
            continue
        return Flavour(name, version, api)
    raise EngineError(
        f"no TensorRT is usable ({'; '.join(reasons)}): install JetPack's, DRIVE OS's or "
        "NVIDIA's tensorrt, or requirements/tensorrt.txt"
    )


def _major(version: str) -> int:
    head = version.partition('.')[0]
    return int(head) if head.isdigit() else 0


def last_words(said: Sequence[str]) -> str:
    """What the library said of a failure, short."""
    return (said[-1] if said else 'it did not say why')[:300]
