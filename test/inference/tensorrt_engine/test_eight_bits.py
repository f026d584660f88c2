"""Eight bits where they were asked for and nowhere else, as TensorRT wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.cli import main
from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import (
    DECODER,
    ENCODER,
    ENCODER_CPU,
    ModelFolder,
    write_description,
)
from prediction_node.inference.onnx_model import OnnxModel, open_bytes
from prediction_node.inference.tensorrt_engine.build import check_possible, typed_onnx
from prediction_node.inference.tensorrt_engine.device import Device
from prediction_node.inference.tensorrt_engine.flavour import Flavour
from prediction_node.inference.tensorrt_engine.request import default_precision, quantised_as
from prediction_node.stored_scenes import encoded_plans, encoded_scenes

onnx = pytest.importorskip('onnx', reason='needs requirements/tensorrt.txt')
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from prediction_node.inference.tensorrt_engine.eight_bits import (  # noqa: E402
    ROUNDINGS,
    eight_bit_share,
    quantised_inputs,
    seen_ranges,
    to_eight_bits,
)

WIDE = 16


def chain() -> Any:
    """x W1 -> relu -> W2 on the left of it, turned -> W3, the last layer."""
    rng = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(rng.normal(0.0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node('MatMul', ['x', 'one'], ['a'], 'first'),
        helper.make_node('Relu', ['a'], ['b'], 'relu'),
        helper.make_node('Transpose', ['b'], ['c'], 'turn', perm=[1, 0]),
        helper.make_node('MatMul', ['two', 'c'], ['d'], 'left'),
        helper.make_node('Relu', ['d'], ['e'], 'relu_too'),
        helper.make_node('Gemm', ['e', 'three', 'bias'], ['y'], 'last', transA=1, transB=1),
    ]
    weights = [weight('one', 8, WIDE), weight('two', 12, WIDE), weight('three', 4, 12)]
    graph = helper.make_graph(
        nodes,
        'chain',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [5, 8])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [5, 4])],
        [*weights, weight('bias', 4)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)])


def answers(model: Any, x: np.ndarray) -> np.ndarray:
    session = open_bytes(model.SerializeToString())
    return np.asarray(session.run(None, {'x': x})[0])


@pytest.mark.parametrize(('precision', 'apart'), [('int8', 0.05), ('fp8', 0.1)])
def test_products_are_rounded_but_the_last(precision: str, apart: float) -> None:
    """fp8 moves a number by up to a sixteenth of itself, int8 by up to a 254th of the largest."""
    model, rounding = chain(), ROUNDINGS[precision]
    x = np.random.default_rng(1).normal(0.0, 1.0, (5, 8)).astype(np.float32)
    names = quantised_inputs(model, rounding)
    assert names == ['c', 'x']
    ranges = seen_ranges(model, names, [{'x': x}, {'x': 0.5 * x}])
    assert ranges['x'] == pytest.approx(np.abs(x).max(), rel=1e-3)
    made = to_eight_bits(model, ranges, rounding)
    weights = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
    narrow = {name for name, value in weights.items() if value.itemsize == 1 and value.ndim > 1}
    assert narrow == {'one/bits', 'two/bits'}
    # By output channel: columns of what stands on the right, rows of what stands on the left.
    assert weights['one/scale'].shape == (WIDE,)
    assert weights['two/scale'].shape == (12,)
    for name in ('one', 'two'):
        assert np.abs(weights[f'{name}/bits'].astype(float)).max() == rounding.largest
        assert not weights[f'{name}/zero'].any()
    assert 'three' in weights
    assert 'one' not in weights
    expected, found = answers(model, x), answers(made, x)
    assert 0.0 < np.abs(found - expected).max() < apart * np.abs(expected).max()
    assert 0.5 < eight_bit_share(made) < 1.0


def test_a_range_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match='range of tensor c is not known'):
        to_eight_bits(chain(), {'x': 1.0}, ROUNDINGS['int8'])


@pytest.mark.parametrize('precision', ['int8', 'fp8'])
def test_what_is_beyond_the_range_is_cut_off(precision: str) -> None:
    model = chain()
    made = to_eight_bits(model, {'x': 1.0, 'c': 100.0}, ROUNDINGS[precision])
    x = np.ones((5, 8), np.float32)
    np.testing.assert_allclose(answers(made, 50.0 * x), answers(made, x))


@pytest.mark.slow
@pytest.mark.parametrize(('precision', 'share'), [('int8', 0.9), ('fp8', 0.7)])
def test_the_shipped_model_in_8_bits(
    shipped: ModelFolder, scenes: Any, tmp_path: Path, precision: str, share: float
) -> None:
    """Most of the encoder; on scenes that it was not calibrated on a median of 0.2 m."""
    rounding = ROUNDINGS[precision]
    model = OnnxModel(shipped, threads=1)
    arrays = encoded_scenes(scenes, model.sizes)
    encoder = onnx.load(shipped.file(ENCODER))
    ranges = seen_ranges(encoder, quantised_inputs(encoder, rounding), arrays[:-1])
    made = to_eight_bits(encoder, ranges, rounding)
    assert eight_bit_share(made) > share
    kinds = {node.op_type for node in made.graph.node}
    assert {'QuantizeLinear', 'DequantizeLinear'} <= kinds
    (tmp_path / ENCODER).write_bytes(made.SerializeToString())
    for name in shipped.files:
        if name not in (ENCODER, ENCODER_CPU):
            (tmp_path / name).write_bytes(shipped.file(name).read_bytes())
    said = {'quantised': {'precision': precision, 'scenes': 4}}
    meta = {'raster_manifest': shipped.raster_manifest, 'provenance': said}
    write_description(tmp_path, shipped.network, shipped.encoded, meta)
    folder = ModelFolder.read(tmp_path)
    other = OnnxModel(folder, threads=1)
    plans = encoded_plans(scenes[-1], model.sizes, 4)
    there = arrays[-1]['actor_valid'][1:] > 0.5
    ends = [
        each.decode(each.encode(arrays[-1]), *plans)['mean'][:, there, :, -1]
        for each in (model, other)
    ]
    apart = np.hypot(*np.moveaxis(ends[0] - ends[1], -1, 0))
    assert 0.0 < np.median(apart) < 0.2

    assert (quantised_as(folder), quantised_as(shipped)) == (precision, '')
    assert (default_precision(folder), default_precision(shipped)) == (precision, 'fp16')
    full = Flavour('tensorrt', '10.0', None)
    check_possible(full, precision, folder)
    assert typed_onnx(folder, DECODER, precision) == folder.file(DECODER).read_bytes()
    with pytest.raises(EngineError, match=f'is in {precision}: for fp16 build the'):
        check_possible(full, 'fp16', folder)
    orin = Device('Orin', '8.7', '1')
    if precision == 'fp8':
        with pytest.raises(EngineError, match=r'capability 8\.9 or later, and Orin has 8\.7'):
            check_possible(full, precision, folder, orin)
        check_possible(full, precision, folder, Device('Thor', '10.1', '1'))
        check_possible(Flavour('tensorrt_rtx', '1.0', None), precision, folder)
    else:
        check_possible(full, precision, folder, orin)


def test_quantise_needs_samples_and_an_empty_folder(
    tmp_path: Path, shipped: ModelFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['quantise', '--data', str(tmp_path / 'nothing')]
    assert main([*words, '--out', str(tmp_path / 'out')]) == 2
    assert str(tmp_path / 'nothing') in capsys.readouterr().err
    assert main([*words, '--out', str(shipped.path)]) == 2
    assert 'must be an empty folder' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
