"""A model folder with files typed for another precision, for ONNX Runtime to check them."""

from __future__ import annotations

from pathlib import Path

from prediction_node.domain.model_folder import DECODER, ENCODER, ModelFolder, write_description
from prediction_node.inference.tensorrt_engine.build import typed_onnx


def typed_model(folder: ModelFolder, precision: str, into: Path) -> ModelFolder:
    """The same model with encoder and decoder as engines of `precision` are built from them."""
    into.mkdir(parents=True, exist_ok=True)
    for name in (ENCODER, DECODER):
        (into / name).write_bytes(typed_onnx(folder, name, precision))
    meta = {
        'name': folder.name,
        'calibration': dict(folder.calibration),
        'provenance': dict(folder.provenance),
        'raster_manifest': folder.raster_manifest,
    }
    write_description(into, folder.network, folder.encoded, meta)
    return ModelFolder.read(into)
