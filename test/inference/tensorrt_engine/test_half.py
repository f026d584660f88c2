"""Half precision where it saves time and nowhere else, and within 5 cm of full precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prediction_node.domain.model_folder import DECODER, ENCODER, ModelFolder
from prediction_node.domain.tensors import OUTPUTS
from prediction_node.inference.onnx_model import OnnxModel
from prediction_node.inference.tensorrt_engine.parity import BOUND_M, StoredScene
from prediction_node.stored_scenes import encoded_plans, encoded_scenes

onnx = pytest.importorskip('onnx', reason='needs requirements/tensorrt.txt')
from prediction_node.inference.tensorrt_engine.half import (  # noqa: E402
    PRODUCTS,
    half_share,
    to_half,
)

FULL, HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16


def types_of(model: Any) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    found = {each.name: each.data_type for each in inferred.initializer}
    for each in (*inferred.input, *inferred.output, *inferred.value_info):
        found[each.name] = each.type.tensor_type.elem_type
    return found


@pytest.mark.parametrize('candidates', [1, 4])
def test_half_precision_stays_within_five_centimetres(
    shipped: ModelFolder, typed: ModelFolder, scenes: Any, candidates: int
) -> None:
    """On scenes of both samples, with and without plans, 8 s ahead."""
    full, half = OnnxModel(shipped, threads=1), OnnxModel(typed, threads=1)
    for scene, arrays in zip(scenes, encoded_scenes(scenes, full.sizes), strict=True):
        plans = encoded_plans(scene, full.sizes, candidates)
        stored = StoredScene.of(full, arrays, *plans)
        assert 0.0 < stored.difference_m(half) < BOUND_M['fp16']


def test_the_full_model_agrees_with_itself(shipped: ModelFolder, scenes: Any) -> None:
    model = OnnxModel(shipped, threads=1)
    (arrays,) = encoded_scenes(scenes[:1], model.sizes)
    stored = StoredScene.of(model, arrays, *encoded_plans(scenes[0], model.sizes, 2))
    assert stored.difference_m(model) < 1e-4
    again = StoredScene.from_bytes(stored.to_bytes())
    for name in OUTPUTS:
        np.testing.assert_array_equal(again.expected[name], stored.expected[name])


@pytest.mark.parametrize('file', [ENCODER, DECODER])
def test_what_must_be_exact_stays_in_32_bits(typed: ModelFolder, file: str) -> None:
    model = onnx.load(typed.file(file))
    types = types_of(model)
    fine = {'Softmax', 'LayerNormalization', 'Exp', 'Log', 'Sqrt', 'Sin', 'Cos', 'Pow', 'Div'}
    fine |= {'GridSample', 'Reciprocal', 'ReduceSum', 'ReduceMean', 'Clip', 'Tanh', 'Resize'}
    for node in model.graph.node:
        if node.op_type in fine:
            assert all(types[name] != HALF for name in (*node.input, *node.output) if name)
        if any('.curves.' in name for name in node.input):
            assert all(types[name] != HALF for name in node.output)
    for each in (*model.graph.input, *model.graph.output):
        assert each.type.tensor_type.elem_type != HALF


@pytest.mark.parametrize(('file', 'least'), [(ENCODER, 0.8), (DECODER, 0.5)])
def test_most_layers_compute_in_16_bits(typed: ModelFolder, file: str, least: float) -> None:
    model = onnx.load(typed.file(file))
    types = types_of(model)
    products = [node for node in model.graph.node if node.op_type in PRODUCTS]
    half = [node for node in products if types[node.output[0]] == HALF]
    assert len(half) > least * len(products)
    for node in half:
        assert all(types[name] == HALF for name in node.input if name)
    if file == ENCODER:
        assert half_share(model) > 0.9


def chain(*nodes: Any, constants: dict[str, np.ndarray]) -> Any:
    """A model from x (2, 4) to y through the nodes."""
    helper = onnx.helper
    graph = helper.make_graph(
        list(nodes),
        'chain',
        [helper.make_tensor_value_info('x', FULL, [2, 4])],
        [helper.make_tensor_value_info('y', FULL, [2, 4])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])


def layers(*names: str) -> list[Any]:
    """Products one after the other from x to y."""
    results = ['x', *(f't{i}' for i in range(len(names) - 1)), 'y']
    return [
        onnx.helper.make_node('MatMul', [results[i], name], [results[i + 1]])
        for i, name in enumerate(names)
    ]


def square(scale: float = 1.0) -> np.ndarray:
    return (scale * np.eye(4)).astype(np.float32)


def halved(model: Any) -> int:
    types = types_of(model)
    return sum(n.op_type in PRODUCTS and types[n.output[0]] == HALF for n in model.graph.node)


def test_the_last_layer_stays_in_full() -> None:
    model = chain(*layers('a', 'b', 'c'), constants={n: square() for n in 'abc'})
    assert halved(to_half(model)) == 2


def test_constant_geometry_stays_in_full() -> None:
    names = ('net.curves.line', 'b', 'c')
    model = chain(*layers(*names), constants={n: square() for n in names})
    assert halved(to_half(model)) == 1


def test_weights_beyond_the_range_of_16_bits_stay_in_full() -> None:
    model = chain(*layers('a', 'b'), constants={'a': square(1e5), 'b': square()})
    assert halved(to_half(model)) == 0


def test_a_product_of_coordinates_stays_in_full() -> None:
    """Neither operand comes from a learned layer."""
    helper = onnx.helper
    nodes = [
        helper.make_node('Transpose', ['x'], ['xt'], perm=[1, 0]),
        helper.make_node('MatMul', ['x', 'xt'], ['t']),
        helper.make_node('MatMul', ['t', 'a'], ['y']),
    ]
    assert halved(to_half(chain(*nodes, constants={'a': square()[:2]}))) == 0


def test_an_output_in_the_middle_keeps_its_name_and_type() -> None:
    model = chain(*layers('a', 'b', 'c'), constants={n: square() for n in 'abc'})
    model.graph.output.append(onnx.helper.make_tensor_value_info('t0', FULL, [2, 4]))
    made = to_half(model)
    assert types_of(made)['t0'] == FULL
    # a is the last layer of t0, c of y.
    assert halved(made) == 1
