"""The first layer on the rasters for processors: bytes times integers, as an ONNX graph.

In 32-bit floats the rasters are four times as large as in bytes, and making and moving these takes
longer than the products with them. Weights are whole numbers here, in two parts, coarse and fine,
of which each fits a byte: the sum is right to 1/8000 of the largest weight of a feature.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from prediction_node.domain.tensors import RASTERS
from prediction_node.network.config import NetworkConfig
from prediction_node.network.raster import FINE, PATCH, RasterPyramid

# Processors without VNNI add two products of a byte and an integer in 16 bits, saturating: with at
# most 63 they never do.
LARGEST = 63


def byte_stem(pyramid: RasterPyramid, config: NetworkConfig, opset: int, ir_version: int) -> Any:
    """A model from the bytes of both rasters to what `RasterPyramid.fine` makes of them."""
    cells, channels = config.sizes.cells, config.sizes.channels
    side, run = cells // PATCH, PATCH * channels
    parts, scale, weight = whole_numbers(pyramid.stem.weight().detach().double().numpy())
    width = len(weight)
    # A byte counts from that of its channel's zero on; the embedding of a scale is one more bias.
    bias = pyramid.stem.linear.bias.detach().double().numpy() - weight @ pyramid.stem.offset.numpy()
    biases = bias + pyramid.scale_embedding.detach().double().numpy()[:, 0, :, 0, 0]
    constants = {
        'rows': np.array([side, PATCH, side, run]),
        'patches': np.array([side * side, PATCH * run]),
        'map': np.array([2, side, side, width]),
        'parts': parts,
        'together': scale.astype(np.float32),
    }
    nodes, found = [], []
    for name, of_scale in zip(RASTERS, biases, strict=True):
        constants[f'{name}_bias'] = of_scale.astype(np.float32)
        steps: tuple[tuple[str, list[str], dict[str, Any]], ...] = (
            ('Reshape', ['rows'], {}),
            ('Transpose', [], {'perm': [0, 2, 1, 3]}),
            ('Reshape', ['patches'], {}),
            ('MatMulInteger', ['parts'], {}),
            ('Cast', [], {'to': TensorProto.FLOAT}),
            ('Gemm', ['together', f'{name}_bias'], {}),
        )
        value = name
        for k, (operator, others, attributes) in enumerate(steps):
            nodes.append(
                helper.make_node(operator, [value, *others], [f'{name}_{k}'], **attributes)
            )
            value = f'{name}_{k}'
        found.append(value)
    nodes += [
        helper.make_node('Concat', found, ['both'], axis=0),
        helper.make_node('Relu', ['both'], ['positive']),
        helper.make_node('Reshape', ['positive', 'map'], ['by_cell']),
        helper.make_node('Transpose', ['by_cell'], [FINE], perm=[0, 3, 1, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        'byte_stem',
        [
            helper.make_tensor_value_info(name, TensorProto.UINT8, [cells, cells, channels])
            for name in RASTERS
        ],
        [helper.make_tensor_value_info(FINE, TensorProto.FLOAT, [2, width, side, side])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=ir_version
    )


def whole_numbers(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(D, K) -> int8 (K, 2 D) of coarse and fine parts, (2 D, D) what brings a product with them
    back together, and (D, K) the weights that they stand for.
    """
    step = np.maximum(np.abs(weight).max(axis=1), 1e-12) / LARGEST
    coarse = np.round(weight / step[:, None])
    fine = np.round((weight / step[:, None] - coarse) * (2 * LARGEST))
    parts = np.ascontiguousarray(np.concatenate([coarse, fine]).T.astype(np.int8))
    together = np.concatenate([np.diag(step), np.diag(step / (2 * LARGEST))])
    return parts, together, (parts.astype(np.float64) @ together).T
