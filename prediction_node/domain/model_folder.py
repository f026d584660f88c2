"""A trained model as a folder: what lies in it, and how it is told from a wrong or damaged one.

`model.json` names the contract, the raster manifest, the network's configuration, the calibration
and the SHA-256 of every other file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prediction_node.domain.errors import PredictionNodeError
from prediction_node.domain.tensors import VERSION, Sizes
from prediction_node.domain.whole_file import write_whole

DESCRIPTION = 'model.json'
ENCODER = 'encoder.onnx'
# The same encoder for processors, with whole numbers in its first layer; may be missing.
ENCODER_CPU = 'encoder_cpu.onnx'
DECODER = 'decoder.onnx'
# The decoder for when nothing is planned, without what a plan would change; may be missing.
UNPLANNED = 'unplanned.onnx'
WEIGHTS = 'weights.safetensors'
CARD = 'card.md'  # for people; may be missing
FORMAT = 1


class ModelError(PredictionNodeError):
    """A model cannot be used. Names the folder and what is wrong with it."""


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """What `model.json` says; made by `read` only, which checks it."""

    path: Path
    name: str
    sizes: Sizes  # as trained; agents, map nodes and candidates are free
    network: Mapping[str, Any]  # fields of network.NetworkConfig
    encoded: tuple[str, ...]  # what goes from the encoder to the decoder, in this order
    calibration: Mapping[str, Any]
    raster_manifest: str | None  # SHA-256 of the manifest, None without a raster
    provenance: Mapping[str, Any]
    files: Mapping[str, str]  # SHA-256 by name

    @classmethod
    def read(cls, path: Path, raster_manifest: str | None = None) -> ModelFolder:
        """The description, refused with a ModelError if it is missing, malformed, of another
        contract, or drawn for another raster than `raster_manifest` (None: not compared).
        """
        file = path / DESCRIPTION
        try:
            content = json.loads(file.read_text(encoding='utf-8'))
        except OSError as error:
            raise ModelError(f'{path}: no model here: {file.name}: {error.strerror}') from error
        except ValueError as error:
            raise ModelError(f'{file}: not JSON: {error}') from error
        if not isinstance(content, dict) or content.get('format') != FORMAT:
            raise ModelError(f'{file}: format must be {FORMAT}')
        if content.get('contract') != VERSION:
            raise ModelError(
                f'{file}: contract must be {VERSION}, got {content.get("contract")}: '
                'export the model again with this version'
            )
        try:
            found = cls(
                path=path,
                name=str(content['name']),
                sizes=Sizes(**content['network']['sizes']),
                network=dict(content['network']),
                encoded=tuple(content['encoded']),
                calibration=dict(content['calibration']),
                raster_manifest=content['raster_manifest'],
                provenance=dict(content['provenance']),
                files=dict(content['files']),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f'{file}: {type(error).__name__}: {error}') from error
        theirs = found.raster_manifest
        if found.sizes.channels and raster_manifest not in (None, theirs):
            raise ModelError(
                f'{file}: raster_manifest must be {raster_manifest}, got {theirs}: '
                'the model was trained on another raster'
            )
        return found

    def file(self, name: str) -> Path:
        """The path of a file of the model, or ModelError if it is missing or not what was
        exported.
        """
        path = self.path / name
        if name not in self.files:
            raise ModelError(f'{self.path}: {DESCRIPTION} names no {name}')
        try:
            found = digest(path)
        except OSError as error:
            raise ModelError(f'{path}: {error.strerror}') from error
        if found != self.files[name]:
            raise ModelError(f'{path}: SHA-256 must be {self.files[name]}, got {found}')
        return path

    def with_sizes(self, **changes: int) -> Sizes:
        """The sizes with other numbers of agents, map nodes or candidates."""
        return dataclasses.replace(self.sizes, **changes)


def write_description(
    path: Path, network: Mapping[str, Any], encoded: tuple[str, ...], meta: Mapping[str, Any]
) -> None:
    """Write `model.json` about the files that lie beside it already. `meta` may name `name`,
    `calibration`, `provenance` and `raster_manifest`, and whatever else is worth keeping.

    Raises ModelError where it cannot be written.
    """
    files = sorted(each.name for each in path.iterdir() if each.suffix in ('.onnx', '.safetensors'))
    content = {
        'name': path.name,
        'calibration': {},
        'provenance': {},
        'raster_manifest': None,
        **meta,
        'format': FORMAT,
        'contract': VERSION,
        'network': dict(network),
        'encoded': list(encoded),
        'files': {name: digest(path / name) for name in files},
    }
    text = json.dumps(content, indent=1) + '\n'
    write_whole(path / DESCRIPTION, text, error=ModelError)


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
