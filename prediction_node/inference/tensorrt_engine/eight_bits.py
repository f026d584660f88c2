"""A third ONNX of the same network, with 8 bits where they are said to be: quantise and dequantise
nodes around products with learned weights. int8 has steps of one size, fp8 (four bits of exponent,
three of fraction) moves a number by up to a sixteenth of itself.

Symmetric, as TensorRT wants it: weights by output channel from their own range, what goes in by
tensor from what was seen on scenes. What is geometry, and the last layer before every output, stays
in full precision, as in half.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from prediction_node.inference.onnx_model import open_bytes
from prediction_node.inference.tensorrt_engine.half import Graph, last_layers


@dataclass(frozen=True)
class Rounding:
    """What 8 bits are."""

    kind: int  # of TensorProto
    largest: float
    products: frozenset[str]  # that TensorRT computes so
    opset: int  # from which on ONNX knows it

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Numbers in units of their scale as the nearest that there are."""
        held = np.clip(values, -self.largest, self.largest)
        if self.kind == TensorProto.INT8:
            held = np.rint(held)
        return np.asarray(held.astype(helper.tensor_dtype_to_np_dtype(self.kind)))


ROUNDINGS = {
    'int8': Rounding(TensorProto.INT8, 127.0, frozenset({'MatMul', 'Gemm', 'Conv'}), 18),
    'fp8': Rounding(TensorProto.FLOAT8E4M3FN, 448.0, frozenset({'MatMul', 'Gemm'}), 19),
}
# The few values beyond this share are cut off: they would cost all others their precision.
SHARE_KEPT = 0.99999
_LEAST = 1e-8


def quantised_inputs(model: onnx.ModelProto, rounding: Rounding) -> list[str]:
    """The tensors that go into products in 8 bits, whose ranges `to_eight_bits` must be told."""
    graph = Graph(model)
    return sorted({graph.nodes[i].input[1 - at] for i, at in _products(graph, rounding).items()})


def seen_ranges(
    model: onnx.ModelProto, names: Iterable[str], feeds: Iterable[Mapping[str, np.ndarray]]
) -> dict[str, float]:
    """How large the tensors `names` become on `feeds`, all but the largest of 100,000 values."""
    names = list(names)
    if not names:
        return {}
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    there = {each.name for each in watched.graph.output}
    for name in names:
        if name not in there:
            watched.graph.output.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            )
    session = open_bytes(watched.SerializeToString())
    wanted = {each.name for each in session.get_inputs()}
    ranges = dict.fromkeys(names, 0.0)
    for feed in feeds:
        given = {name: value for name, value in feed.items() if name in wanted}
        for name, value in zip(names, session.run(names, given), strict=True):
            size = np.abs(value).ravel()
            # The largest of few values is one of them.
            reach = np.quantile(size, SHARE_KEPT) if size.size else 0.0
            ranges[name] = max(ranges[name], float(reach))
    return ranges


def to_eight_bits(
    model: onnx.ModelProto, ranges: Mapping[str, float], rounding: Rounding
) -> onnx.ModelProto:
    """The same network; inputs and outputs keep their types. `ranges` of all `quantised_inputs`.

    Raises ValueError for a file whose tensors have no types, a range that is missing, or what is no
    valid ONNX afterwards.
    """
    graph = Graph(model)
    products = _products(graph, rounding)
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.value_info[:]
    for opset in made.opset_import:
        if opset.domain in ('', 'ai.onnx'):
            opset.version = max(opset.version, rounding.opset)
    rounded: dict[str, str] = {}

    def constant(name: str, values: np.ndarray) -> str:
        made.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def around(name: str) -> str:
        """The tensor after it was rounded to 8 bits."""
        if name not in rounded:
            if name not in ranges:
                raise ValueError(f'the range of tensor {name} is not known')
            scale = np.float32(max(ranges[name], _LEAST) / rounding.largest)
            by = [
                constant(f'{name}/scale', np.array(scale)),
                constant(f'{name}/zero', rounding.rounded(np.zeros(()))),
            ]
            made.graph.node.extend(
                [
                    helper.make_node('QuantizeLinear', [name, *by], [f'{name}/bits'], f'{name}/q'),
                    helper.make_node(
                        'DequantizeLinear', [f'{name}/bits', *by], [f'{name}/rounded'], f'{name}/dq'
                    ),
                ]
            )
            rounded[name] = f'{name}/rounded'
        return rounded[name]

    def weights(name: str, axis: int) -> str:
        if name not in rounded:
            values = numpy_helper.to_array(graph.constants[name])
            others = tuple(k for k in range(values.ndim) if k != axis)
            scale = np.maximum(np.abs(values).max(axis=others), _LEAST) / rounding.largest
            shape = [-1 if k == axis else 1 for k in range(values.ndim)]
            made.graph.node.append(
                helper.make_node(
                    'DequantizeLinear',
                    [
                        constant(f'{name}/bits', rounding.rounded(values / scale.reshape(shape))),
                        constant(f'{name}/scale', scale.astype(np.float32)),
                        constant(f'{name}/zero', rounding.rounded(np.zeros(len(scale)))),
                    ],
                    [f'{name}/rounded'],
                    f'{name}/dq',
                    axis=axis,
                )
            )
            rounded[name] = f'{name}/rounded'
        return rounded[name]

    for i, node in enumerate(graph.nodes):
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if i in products:
            at = products[i]
            copy.input[at] = weights(node.input[at], _output_axis(graph, node, at))
            copy.input[1 - at] = around(node.input[1 - at])
        made.graph.node.append(copy)
    used = {name for node in made.graph.node for name in node.input}
    kept = [each for each in made.graph.initializer if each.name in used]
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    try:
        onnx.checker.check_model(made, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f'no valid ONNX in 8 bits: {error}') from error
    return made


def eight_bit_share(model: onnx.ModelProto) -> float:
    """How much of the constants of a model is in 8 bits, by number."""
    kinds = {rounding.kind for rounding in ROUNDINGS.values()}
    sizes = [(each.data_type, int(np.prod(each.dims))) for each in model.graph.initializer]
    numbers = sum(size for kind, size in sizes if kind in kinds | {TensorProto.FLOAT})
    return sum(size for kind, size in sizes if kind in kinds) / max(numbers, 1)


def _products(graph: Graph, rounding: Rounding) -> dict[int, int]:
    """Nodes that are computed in 8 bits, and which of their inputs is the weight."""
    found = {}
    for i, node in enumerate(graph.nodes):
        if node.op_type not in rounding.products or graph.is_geometry(node):
            continue
        at = [k for k, name in enumerate(node.input[:2]) if name in graph.constants]
        if len(at) == 1 and len(graph.constants[node.input[at[0]]].dims) > 1:
            found[i] = at[0]
    last = last_layers(graph, set(found))
    return {i: at for i, at in found.items() if i not in last}


def _output_axis(graph: Graph, node: Any, at: int) -> int:
    """Along which axis of its weight a product counts its outputs."""
    dims = len(graph.constants[node.input[at]].dims)
    if node.op_type == 'Conv':
        return 0
    turned = any(a.name == ('transA', 'transB')[at] and a.i for a in node.attribute)
    # Rows of what stands on the left, columns of what stands on the right.
    first = (at == 0) != turned
    return dims - 2 if first else dims - 1
