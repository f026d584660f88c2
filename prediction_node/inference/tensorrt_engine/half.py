"""A second ONNX of the same network, typed for half precision.

TensorRT takes types as they stand in the file: what is to be computed in 16 bits must say so.
Layers of learned weights and attention do, with what merely moves or adds their results. All the
rest stays in 32 bits, between casts: coordinates, poses and distances, the constant curves that
make trajectories, softmax, normalisation, exponentials, sampling in the raster; and the last layer
before every output, whose numbers are metres.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Products: where the time goes, and where 16 bits save some.
PRODUCTS = frozenset({'MatMul', 'Gemm', 'Conv', 'Einsum'})
# Constant matrices that are geometry, not learned, by part of their names.
GEOMETRY = ('.curves.', '.earlier', '.offset', '.following.response')
# Follow a result in 16 bits without arithmetic of their own, or with one rounding.
FOLLOWERS = frozenset(
    {'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice', 'Gather', 'Expand', 'Split'}
    | {'Concat', 'Identity', 'Flatten', 'Relu', 'Add', 'Sub', 'Mul'}
)
LARGEST = float(np.finfo(np.float16).max)
_FULL, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network; inputs and outputs keep their types. Raises ValueError for a file whose
    tensors have no types, or that is no valid ONNX afterwards.
    """
    graph = Graph(model)
    half = _halved(graph)
    return _typed(model, graph, half)


class Graph:
    """Who makes and who takes each tensor, and which are floats."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self.nodes: Sequence[Any] = graph.node
        self.maker: dict[str, int] = {
            name: i for i, node in enumerate(graph.node) for name in node.output
        }
        self.constants = {each.name: each for each in graph.initializer}
        self.outputs = [each.name for each in graph.output]
        # Constants, and what is made of nothing else: weights with a scale folded in.
        self.fixed = set(self.constants)
        for node in graph.node:
            if all(name in self.fixed for name in node.input if name):
                self.fixed |= set(node.output)
        inferred = onnx.shape_inference.infer_shapes(model).graph
        types = {each.name: each.data_type for each in graph.initializer}
        for each in (*inferred.input, *inferred.output, *inferred.value_info):
            types[each.name] = each.type.tensor_type.elem_type
        unknown = [name for name in self.maker if not types.get(name)]
        if unknown:
            raise ValueError(f'tensor {unknown[0]} has no type')
        self.floats = frozenset(name for name, kind in types.items() if kind == _FULL)

    def float_inputs(self, node: Any) -> list[str]:
        return [name for name in node.input if name in self.floats]

    def fits(self, name: str) -> bool:
        """Is a constant within the range of 16 bits? What is tiny becomes zero: that is no harm."""
        return bool((np.abs(numpy_helper.to_array(self.constants[name])) <= LARGEST).all())

    def is_geometry(self, node: Any) -> bool:
        return any(part in name for name in node.input for part in GEOMETRY)


def _halved(graph: Graph) -> set[int]:
    """Which nodes compute in 16 bits, by their place."""
    learned: set[str] = set()  # results that a learned layer had a part in
    layers: set[int] = set()
    for i, node in enumerate(graph.nodes):
        if node.op_type in PRODUCTS and not graph.is_geometry(node):
            inputs = graph.float_inputs(node)
            fixed = sum(name in graph.fixed for name in inputs)
            if 0 < fixed < len(inputs) or any(name in learned for name in inputs):
                layers.add(i)
        if i in layers or any(name in learned for name in node.input):
            learned |= set(node.output)
    layers -= last_layers(graph, layers)
    half: set[int] = set()
    results: set[str] = set()
    for i, node in enumerate(graph.nodes):
        floats = graph.float_inputs(node)
        constants = [name for name in floats if name in graph.constants]
        fit = all(graph.fits(name) for name in constants)
        follows = node.op_type in FOLLOWERS and any(name in results for name in floats)
        all_half = all(name in results for name in floats if name not in graph.constants)
        if fit and (i in layers or (follows and all_half)):
            half.add(i)
            results |= {name for name in node.output if name in graph.floats}
    return half


def last_layers(graph: Graph, layers: set[int]) -> set[int]:
    """Layers from which an output can be reached without another layer."""
    found: set[int] = set()
    seen: set[str] = set()
    ahead = list(graph.outputs)
    while ahead:
        name = ahead.pop()
        place = graph.maker.get(name)
        if name in seen or place is None:
            continue
        seen.add(name)
        if place in layers:
            found.add(place)
        else:
            ahead += list(graph.nodes[place].input)
    return found


def _typed(model: onnx.ModelProto, graph: Graph, half: set[int]) -> onnx.ModelProto:
    """The model with casts where types change."""
    results = {name for i in half for name in graph.nodes[i].output if name in graph.floats}
    cast: dict[str, str] = {}  # tensor -> its name in the other type
    constants: dict[str, Any] = {}
    nodes: list[Any] = []

    def other_type(name: str, wanted: int) -> str:
        if name not in cast:
            cast[name] = f'{name}/{"half" if wanted == _HALF else "full"}'
            if name in graph.constants:
                values = numpy_helper.to_array(graph.constants[name]).astype(np.float16)
                constants[cast[name]] = numpy_helper.from_array(values, cast[name])
            else:
                nodes.append(helper.make_node('Cast', [name], [cast[name]], cast[name], to=wanted))
        return cast[name]

    # An output keeps its name in the type it had: what makes it in 16 bits gets another.
    renamed = {name: f'{name}/result' for name in graph.outputs if name in results}
    for i, node in enumerate(graph.nodes):
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for k, name in enumerate(node.input):
            there = renamed.get(name, name)
            if name in graph.floats and (name in results) != (i in half):
                there = other_type(there, _HALF) if i in half else other_type(there, _FULL)
            copy.input[k] = there
        for k, name in enumerate(node.output):
            copy.output[k] = renamed.get(name, name)
        nodes.append(copy)
    for name, there in renamed.items():
        nodes.append(helper.make_node('Cast', [there], [name], f'{name}/full', to=_FULL))
    used = {name for node in nodes for name in node.input}
    kept = [each for name, each in graph.constants.items() if name in used]
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend([*kept, *constants.values()])
    made.graph.value_info.extend(_value_infos(model.graph.value_info, results - set(renamed)))
    try:
        onnx.checker.check_model(made, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f'no valid ONNX in half precision: {error}') from error
    return made


def _value_infos(infos: Iterable[Any], half: set[str]) -> list[Any]:
    kept = []
    for info in infos:
        copy = onnx.ValueInfoProto()
        copy.CopyFrom(info)
        if info.name in half:
            copy.type.tensor_type.elem_type = _HALF
        kept.append(copy)
    return kept


def half_share(model: onnx.ModelProto) -> float:
    """How much of the constants of a model is in 16 bits, by number."""
    sizes = [(each.data_type, int(np.prod(each.dims))) for each in model.graph.initializer]
    floats = sum(size for kind, size in sizes if kind in (_FULL, _HALF))
    return sum(size for kind, size in sizes if kind == _HALF) / max(floats, 1)
