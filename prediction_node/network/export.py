"""From a trained network to a model folder: ONNX files, weights and a description.

Agents, map nodes and candidates stay symbolic under the names `agents`, `agents + 1`, `map_nodes`
and `candidates`, so that one file serves scenes of any size; engines pin them.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.export import Dim

from prediction_node.domain.model_folder import (
    DECODER,
    ENCODER,
    ENCODER_CPU,
    UNPLANNED,
    WEIGHTS,
    ModelError,
    ModelFolder,
    write_description,
)
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    OUTPUTS,
    RASTERS,
    VERSION,
    Sizes,
    encoder_inputs,
)
from prediction_node.domain.whole_file import write_whole
from prediction_node.network.byte_stem import byte_stem
from prediction_node.network.config import NetworkConfig
from prediction_node.network.model import Decoder, Encoder, Network
from prediction_node.network.raster import FINE, PATCH

OPSET = 18  # ONNX Runtime 1.14 and TensorRT 10 and later know all of it
# Of the example that is traced: no two alike, none one, so that no axis passes for another.
TRACED = {'agents': 5, 'map_nodes': 7, 'candidates': 3}


def export(network: Network, folder: Path, meta: Mapping[str, Any]) -> None:
    """Write encoder.onnx, decoder.onnx, weights.safetensors, model.json and, of a network that
    reads plans, unplanned.onnx, of one that reads rasters, encoder_cpu.onnx. `meta` as in
    `domain.model_folder.write_description`.
    """
    config = network.config
    folder.mkdir(parents=True, exist_ok=True)
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            encoded = _export_encoder(network.encoder, config, folder / ENCODER)
            (folder / ENCODER_CPU).unlink(missing_ok=True)
            if config.sizes.channels:
                _export_cpu_encoder(network.encoder, config, folder / ENCODER_CPU)
            if config.use_plan:
                _export_decoder(network.decoder, config, encoded, folder / DECODER)
                plain = {name: encoded[name] for name in PLAIN}
                _export_plain_decoder(network.decoder, plain, folder / UNPLANNED)
            else:
                _export_plain_decoder(network.decoder, encoded, folder / DECODER)
    finally:
        for module, training in modes.items():
            module.training = training
    for path in sorted(folder.glob('*.onnx')):
        _label(path, meta)
    save_weights(network, folder / WEIGHTS)
    write_description(folder, config.as_dict(), tuple(encoded), meta)


def save_weights(network: Network, path: Path) -> None:
    """All parameters as safetensors, the configuration in the metadata."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    metadata = {'network': json.dumps(network.config.as_dict())}
    # Not `save_file`, whose files nobody but their maker may read.
    write_whole(path, safetensors.torch.save(tensors, metadata=metadata))


def load(folder: Path) -> Network:
    """The network of a model folder, ready to answer. Raises ModelError naming what is wrong."""
    described = ModelFolder.read(folder)
    path = described.file(WEIGHTS)
    network = Network(NetworkConfig.from_dict(described.network))
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except (RuntimeError, safetensors.SafetensorError) as error:
        reason = ' '.join(str(error).split())
        raise ModelError(f'{path}: weights of another network: {reason:.300}') from error
    network.eval()
    return network


class _EncoderFile(nn.Module):
    """Arrays of the contract, without a leading axis, or FINE, which has one, to a tuple."""

    def __init__(self, encoder: Encoder, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder, self.names = encoder, names

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        batch = {}
        for name, array in zip(self.names, arrays, strict=True):
            if array.dtype == torch.uint8:
                # TensorRT takes bytes, and wants them cast before anything else.
                array = array.to(torch.float32 if name.startswith('raster') else torch.int32)
            batch[name] = array if name == FINE else array[None]
        return tuple(self.encoder(batch).values())


class _DecoderFile(nn.Module):
    """What the encoder made, then plans if there are any, to a tuple."""

    def __init__(self, decoder: Decoder, names: Sequence[str]) -> None:
        super().__init__()
        self.decoder, self.names = decoder, names

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        encoded = dict(zip(self.names, arrays, strict=False))
        plan, plan_valid = arrays[len(self.names) :] or (None, None)
        return tuple(self.decoder(encoded, plan, plan_valid).values())


def _export_encoder(
    encoder: Encoder, config: NetworkConfig, path: Path, fine: Tensor | None = None
) -> dict[str, Tensor]:
    """Writes the file; returns what it makes of the example. With `fine`, the encoder that reads
    that in place of the rasters.
    """
    free = {axis: size for axis, size in TRACED.items() if getattr(config.sizes, axis)}
    sizes = Sizes(**{**config.as_dict()['sizes'], **free})
    agents = Dim('agents', min=2, max=4096)
    axes = {'agents': agents, 'actors': agents + 1, 'map_nodes': Dim('map_nodes', min=2, max=65536)}
    names: list[str] = []
    arrays: list[Tensor] = []
    dynamic: list[dict[int, Any]] = []
    if fine is not None:
        names, arrays, dynamic = [FINE], [fine], [{}]
    for name in encoder.inputs:
        if fine is not None and name in RASTERS:
            continue
        tensor = encoder_inputs(sizes)[name]
        names.append(name)
        arrays.append(torch.from_numpy(np.zeros(tensor.shape(sizes), tensor.dtype)))
        dynamic.append(
            {
                i: axes[axis]
                for i, axis in enumerate(tensor.axes)
                if isinstance(axis, str) and axis in axes
            }
        )
    module = _EncoderFile(encoder, names)
    batch = {
        name: array if name == FINE else array[None]
        for name, array in zip(names, arrays, strict=True)
    }
    encoded: dict[str, Tensor] = encoder(batch)
    _export(module, arrays, dynamic, names, list(encoded), path)
    return encoded


def _export_cpu_encoder(encoder: Encoder, config: NetworkConfig, path: Path) -> None:
    """The same encoder with the first layer of `byte_stem`."""
    assert encoder.raster is not None
    side = config.sizes.cells // PATCH
    fine = torch.zeros(2, config.raster_widths[0], side, side)
    _export_encoder(encoder, config, path, fine)
    rest = onnx.load(path)
    stem = byte_stem(encoder.raster, config, OPSET, rest.ir_version)
    onnx.save(onnx.compose.merge_models(stem, rest, io_map=[(FINE, FINE)]), path)


def _export_decoder(
    decoder: Decoder, config: NetworkConfig, encoded: dict[str, Tensor], path: Path
) -> None:
    plans = []
    for tensor in DECODER_INPUTS.values():
        sizes = Sizes(**{**config.as_dict()['sizes'], 'candidates': TRACED['candidates']})
        plans.append(torch.zeros(tensor.shape(sizes)))
    candidates = Dim('candidates', min=1, max=1024)
    dynamic = [*_agents_of(encoded), {0: candidates}, {0: candidates}]
    names = [*encoded, *DECODER_INPUTS]
    module = _DecoderFile(decoder, list(encoded))
    _export(module, [*encoded.values(), *plans], dynamic, names, list(OUTPUTS), path)


def _export_plain_decoder(decoder: Decoder, encoded: dict[str, Tensor], path: Path) -> None:
    """Without plans."""
    module = _DecoderFile(decoder, list(encoded))
    dynamic = _agents_of(encoded)
    _export(module, list(encoded.values()), dynamic, list(encoded), list(OUTPUTS), path)


def _agents_of(encoded: dict[str, Tensor]) -> list[dict[int, Any]]:
    """Which axes of what the encoder made count agents: those as long as the example has them."""
    agents = Dim('agents', min=2, max=4096)
    return [
        {i: agents for i in AGENT_AXES[name] if tensor.shape[i] == TRACED['agents']}
        for name, tensor in encoded.items()
    ]


# What a decoder without plans reads of what `Encoder` returns.
PLAIN = ('base', 'log_weight', 'direction', 'raw', 'variance')
# Of what `Encoder` returns.
AGENT_AXES: Mapping[str, tuple[int, ...]] = {
    'base': (1,),
    'log_weight': (1,),
    'direction': (3,),
    'raw': (3,),
    'variance': (2,),
    'ego': (),
    'hidden': (3,),
    'context': (2,),
    'heed': (2, 3),
    'at': (3,),
    'likely_at': (2,),
}


def _export(
    module: nn.Module,
    arrays: Sequence[Tensor],
    dynamic: Sequence[dict[int, Any]],
    inputs: Sequence[str],
    outputs: Sequence[str],
    path: Path,
) -> None:
    # The exporter announces optional parts that it does not find and we do not use.
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            torch.onnx.export(
                module,
                tuple(arrays),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                dynamic_shapes=(tuple(dynamic),),
            )
    finally:
        logger.setLevel(level)


def _label(path: Path, meta: Mapping[str, Any]) -> None:
    """The contract's version and the raster's manifest travel inside the file as well."""
    model = onnx.load(path)
    labels = {'contract': str(VERSION)}
    if meta.get('raster_manifest'):
        labels['raster_manifest'] = str(meta['raster_manifest'])
    onnx.helper.set_model_props(model, labels)
    for node in model.graph.node:
        # Where in the source a node comes from: paths of the machine that exported it.
        del node.metadata_props[:]
        node.doc_string = ''
    del model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        del value.metadata_props[:]
    onnx.save(model, path)
