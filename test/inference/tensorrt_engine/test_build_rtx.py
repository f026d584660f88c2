"""The real engine from the shipped model, built without a GPU; and what cannot be built."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from prediction_node.cli import main
from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import ModelFolder, write_description
from prediction_node.domain.tensors import DECODER_INPUTS, OUTPUTS, encoder_inputs
from prediction_node.inference.tensorrt_engine import build as build_module
from prediction_node.inference.tensorrt_engine.build import Built, build, check_possible
from prediction_node.inference.tensorrt_engine.cache import EngineCache
from prediction_node.inference.tensorrt_engine.device import NO_DEVICE
from prediction_node.inference.tensorrt_engine.flavour import Flavour, find_flavour
from prediction_node.inference.tensorrt_engine.request import EngineKey, Request

pytestmark = pytest.mark.slow

MOST_CPU_S = 60.0


@pytest.fixture(scope='module')
def built(rtx: Flavour, shipped: ModelFolder) -> tuple[Built, float, list[tuple[str, float]]]:
    """The fp16 engine, the processor time it took, and what was told on the way."""
    told: list[tuple[str, float]] = []
    begin = time.process_time()
    made = build(rtx, shipped, Request(), watcher=lambda what, share: told.append((what, share)))
    return made, time.process_time() - begin, told


def test_an_engine_is_built_without_a_gpu(built: Any) -> None:
    made, cpu_s, told = built
    for half in ('encoder', 'decoder'):
        plan = getattr(made, half)
        found = made.report[half]
        assert len(plan) == found['bytes'] > 1_000_000
        assert hashlib.sha256(plan).hexdigest() == found['sha256']
        assert found['layers']
        shares = [share for what, share in told if what.startswith(half)]
        assert shares[0] == 0.0
        assert shares[-1] == 1.0
    # Of the processor, not of the clock: other work on the machine is not the build's.
    assert cpu_s < MOST_CPU_S


def test_its_tensors_are_those_of_the_contract(built: Any, shipped: ModelFolder) -> None:
    made, _, _ = built
    sizes = shipped.with_sizes(agents=64, map_nodes=192, candidates=-1)
    encoder, decoder = (made.report[half]['tensors'] for half in ('encoder', 'decoder'))
    assert set(encoder) == {*encoder_inputs(sizes), *shipped.encoded}
    assert set(decoder) == {*shipped.encoded, *DECODER_INPUTS, *OUTPUTS}
    for found, expected in (
        (encoder, encoder_inputs(sizes)),
        (decoder, {**DECODER_INPUTS, **OUTPUTS}),
    ):
        for name, tensor in expected.items():
            wanted = {'type': tensor.dtype, 'shape': list(tensor.shape(sizes))}
            assert found[name] == wanted, name
    for name in shipped.encoded:
        assert encoder[name] == decoder[name]
        assert encoder[name]['type'] == 'float32'


def test_it_computes_in_16_bits_but_not_everything(built: Any) -> None:
    made, _, _ = built
    for half in ('encoder', 'decoder'):
        types = made.report[half]['types']
        assert types['matrix_multiply half'] > types['matrix_multiply float'] > 0
    assert made.report['encoder']['types']['softmax float'] > 0
    assert 'softmax half' not in made.report['encoder']['types']
    assert 'normalization half' not in made.report['encoder']['types']


def test_a_model_in_fp8_is_built_without_a_gpu(
    rtx: Flavour, shipped: ModelFolder, tmp_path: Path
) -> None:
    """Ranges are made up: what is to be seen is that every product that is said to be is in fp8."""
    onnx = pytest.importorskip('onnx', reason='needs requirements/tensorrt.txt')
    from prediction_node.inference.tensorrt_engine.eight_bits import (
        ROUNDINGS,
        quantised_inputs,
        to_eight_bits,
    )

    rounding, products = ROUNDINGS['fp8'], {}
    for half in ('encoder', 'decoder'):
        model = onnx.load(shipped.file(f'{half}.onnx'))
        names = quantised_inputs(model, rounding)
        made = to_eight_bits(model, dict.fromkeys(names, 4.0), rounding)
        products[half] = sum(node.op_type == 'DequantizeLinear' for node in made.graph.node)
        onnx.save(made, tmp_path / f'{half}.onnx')
    said = {'quantised': {'precision': 'fp8', 'scenes': 0}}
    write_description(tmp_path, shipped.network, shipped.encoded, {'provenance': said})
    folder = ModelFolder.read(tmp_path)
    report = build(rtx, folder, Request(precision='fp8')).report
    for half, count in products.items():
        assert count > 4
        assert report[half]['types']['dequantize float'] == count
    with pytest.raises(EngineError, match='is in fp8: for fp16 build the model it is from'):
        build(rtx, folder, Request())


def test_int8_is_refused_in_one_sentence(rtx: Flavour, shipped: ModelFolder) -> None:
    with pytest.raises(EngineError, match='TensorRT for RTX does not run int8'):
        check_possible(rtx, 'int8', shipped)
    full = Flavour('tensorrt', '10.0', None)
    with pytest.raises(EngineError, match=r'`.* quantise --precision int8` makes one'):
        check_possible(full, 'int8', shipped)


def test_a_file_that_is_no_network_is_refused(
    rtx: Flavour, shipped: ModelFolder, tmp_path: Path
) -> None:
    for name in ('encoder.onnx', 'decoder.onnx'):
        (tmp_path / name).write_bytes(b'no network')
    write_description(tmp_path, shipped.network, shipped.encoded, {})
    with pytest.raises(EngineError, match=r'encoder\.onnx: tensorrt_rtx refuses it'):
        build(rtx, ModelFolder.read(tmp_path), Request(precision='fp32'))


def test_a_network_of_another_contract_is_refused(
    rtx: Flavour, shipped: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by its tensors, before minutes are spent on it."""
    other = {name: tensor for name, tensor in OUTPUTS.items() if name != 'spread'}
    monkeypatch.setattr(build_module, 'OUTPUTS', other)
    builder = build_module._Builder(rtx, shipped, Request(precision='fp32'), 'decoder.onnx', 1)
    builder.parse()
    with pytest.raises(EngineError, match='output spread is not in the contract'):
        builder.check_contract('decoder')


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'precision': 'bf16'}, 'precision must be one of'),
        ({'candidates': 0}, 'candidates must be 1 to'),
        ({'candidates': 65}, 'candidates must be 1 to'),
        ({'agents': 1}, 'agents must be at least 2'),
    ],
)
def test_impossible_requests_are_named(changes: Any, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        Request(**changes)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def fail(name: str) -> Any:
        raise ImportError(f'no {name} here')

    monkeypatch.setattr(importlib, 'import_module', fail)
    with pytest.raises(EngineError, match=r'no tensorrt_rtx here.*requirements/tensorrt\.txt'):
        find_flavour()
    with pytest.raises(EngineError, match='must be one of tensorrt, tensorrt_rtx, got cudnn'):
        find_flavour('cudnn')


def test_an_old_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    from types import SimpleNamespace

    old = SimpleNamespace(__version__='8.6.1')
    monkeypatch.setattr(importlib, 'import_module', lambda _: old)
    with pytest.raises(EngineError, match=r'tensorrt must be of version 10 or later, got 8\.6\.1'):
        find_flavour('tensorrt')


@pytest.fixture
def small_builds(built: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Request]:
    """The command with the engine that is built already; the requests it makes."""
    asked: list[Request] = []

    def stand_in(flavour: Any, folder: Any, request: Request, **_: Any) -> Built:
        asked.append(request)
        made: Built = built[0]
        return made

    monkeypatch.setattr(build_module, 'build', stand_in)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return asked


def test_the_command_keeps_an_engine_once(
    small_builds: list[Request],
    rtx: Flavour,
    shipped: ModelFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ['prepare-engine', '--tensorrt', 'tensorrt_rtx', '--candidates', '4']
    assert main([*words, '--json', str(tmp_path / 'engine.json')]) == 0
    assert small_builds == [Request(candidates=4)]
    engine = json.loads((tmp_path / 'engine.json').read_text())['engine']
    key = EngineKey.of(shipped, Request(candidates=4), rtx, NO_DEVICE).as_dict()
    # On a machine with a GPU the key names it.
    key |= {n: engine['key'][n] for n in ('gpu', 'compute_capability', 'driver')}
    assert engine['key'] == key
    assert 0.0 < engine['difference_m'] < 0.05
    assert Path(engine['file']) == EngineCache().path(key)
    assert set(EngineCache().load(key)) == {'encoder', 'decoder', 'scene', 'drawing', 'report'}
    assert main(words) == 0
    assert 'kept already' in capsys.readouterr().out
    assert len(small_builds) == 1
    # A damaged file is refused, said, and built anew.
    data = bytearray(Path(engine['file']).read_bytes())
    data[len(data) // 2] ^= 1
    Path(engine['file']).write_bytes(data)
    assert main(words) == 0
    assert 'its checksum is wrong' in capsys.readouterr().out
    assert len(small_builds) == 2
    assert EngineCache().load(key)


def test_the_command_says_why_it_cannot(
    small_builds: list[Request], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ['prepare-engine', '--tensorrt', 'tensorrt_rtx']
    assert main([*words, '--precision', 'int8']) == 2
    assert 'does not run int8' in capsys.readouterr().err
    (tmp_path / 'cache').write_text('a file where the folder should be')
    assert main(words) == 2
    assert 'engines cannot be kept' in capsys.readouterr().err
    assert not small_builds
