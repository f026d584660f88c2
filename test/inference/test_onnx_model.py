"""Exported networks answer like the network, and what is no such export is refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.benchmark.inference import measure, plan_arrays, scene_arrays
from prediction_node.domain.model_folder import (
    DECODER,
    DESCRIPTION,
    ENCODER_CPU,
    ModelError,
    ModelFolder,
)
from prediction_node.domain.tensors import Sizes
from prediction_node.inference.onnx_model import OnnxModel

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.inference.torch_model import TorchModel  # noqa: E402
from prediction_node.network import Network, NetworkConfig  # noqa: E402
from prediction_node.network.export import export, load  # noqa: E402

pytestmark = pytest.mark.slow  # an export takes many seconds

PARITY_M = 0.01
SMALL: dict[str, Any] = {
    'width': 16,
    'heads': 2,
    'layers': 1,
    'edge_width': 8,
    'knot_width': 8,
    'reaction_width': 8,
    'relation_width': 8,
    'raster_widths': (8, 8, 8),
    'look_width': 4,
}
MANIFEST = 'a' * 64


@pytest.fixture(scope='module')
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of a network that reads everything."""
    sizes = Sizes(agents=6, map_nodes=8, channels=3, cells=32)
    config = NetworkConfig(sizes=sizes, raster_offset=(0, 128, 0), cells_m=(2.0, 6.0), **SMALL)
    meta = {'raster_manifest': MANIFEST, 'calibration': {'temperature': {'car': 1.2}}}
    return exported(config, tmp_path_factory.mktemp('city'), meta)


@pytest.fixture(scope='module')
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of a network that reads neither map nor raster nor plans."""
    sizes = Sizes(
        agents=6, map_nodes=0, modes=20, steps=12, step_s=0.4, history=8, blocks=4, weights=1
    )
    config = NetworkConfig(sizes=sizes, use_proposals=False, use_plan=False, **SMALL)
    return exported(config, tmp_path_factory.mktemp('crowd'), {})


def exported(config: NetworkConfig, folder: Path, meta: dict[str, Any]) -> Path:
    torch.manual_seed(0)
    network = Network(config).train()
    for parameter in network.parameters():
        if not parameter.detach().abs().max():
            torch.nn.init.normal_(parameter, std=0.05)
    export(network, folder, meta)
    assert network.training  # as it was
    return folder


@pytest.mark.parametrize(('agents', 'nodes', 'candidates'), [(6, 8, 1), (6, 8, 5), (11, 21, 2)])
def test_onnx_runtime_answers_like_torch(
    city: Path, agents: int, nodes: int, candidates: int
) -> None:
    """One pair of files serves scenes of any size."""
    folder, network = ModelFolder.read(city), load(city)
    model = OnnxModel(folder, agents=agents, map_nodes=nodes, threads=1)
    assert (model.sizes.agents, model.sizes.map_nodes) == (agents, nodes)
    reference = TorchModel(network.encoder, network.decoder, model.sizes, network.encoder.inputs)
    arrays, plans = scene_arrays(model.sizes), plan_arrays(model.sizes, candidates)
    expected = reference.decode(reference.encode(arrays), *plans)
    found = model.decode(model.encode(arrays), *plans)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], value, rtol=0, atol=PARITY_M)


def test_a_folder_without_an_encoder_for_processors_answers_the_same(
    city: Path, copy: Path
) -> None:
    """With floats in the first layer, as GPUs have it."""
    content = json.loads((copy / DESCRIPTION).read_text())
    del content['files'][ENCODER_CPU]
    (copy / DESCRIPTION).write_text(json.dumps(content))
    (copy / ENCODER_CPU).unlink()
    whole, floats = (OnnxModel(ModelFolder.read(each), threads=1) for each in (city, copy))
    arrays, plans = scene_arrays(whole.sizes), plan_arrays(whole.sizes, 2)
    expected = floats.decode(floats.encode(arrays), *plans)
    found = whole.decode(whole.encode(arrays), *plans)
    assert not np.array_equal(found['mean'], expected['mean'])
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=PARITY_M)


def test_a_network_without_plans_answers_once(crowd: Path) -> None:
    network = load(crowd)
    model = OnnxModel(ModelFolder.read(crowd), agents=9, threads=1)
    arrays = scene_arrays(model.sizes)
    batch = {name: torch.from_numpy(arrays[name])[None] for name in network.encoder.inputs}
    with torch.no_grad():
        expected = network(batch)
    found = model.decode(model.encode(arrays), *plan_arrays(model.sizes, 1))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value.numpy(), rtol=0, atol=PARITY_M)


def test_an_encoded_scene_answers_again_and_again(city: Path) -> None:
    """Questions about one scene do not disturb each other, nor does a later scene."""
    model = OnnxModel(ModelFolder.read(city), threads=1)
    plans = plan_arrays(model.sizes, 3)
    encoded = model.encode(scene_arrays(model.sizes, 0))
    first = {name: value.copy() for name, value in model.decode(encoded, *plans).items()}
    model.decode(model.encode(scene_arrays(model.sizes, 1)), *plan_arrays(model.sizes, 1))
    for name, value in model.decode(encoded, *plans).items():
        np.testing.assert_array_equal(value, first[name])


def test_the_arithmetic_of_the_caller_stays_as_it_was(city: Path) -> None:
    """Flushing tiny numbers to zero in the calling thread would break its search trees."""
    model = OnnxModel(ModelFolder.read(city), threads=1)
    model.decode(model.encode(scene_arrays(model.sizes)), *plan_arrays(model.sizes, 1))
    tiny = np.array([np.finfo(np.float64).tiny])
    assert (tiny / 2.0)[0] > 0.0


def test_wrong_arrays_are_named(city: Path) -> None:
    model = OnnxModel(ModelFolder.read(city), threads=1)
    arrays = scene_arrays(model.sizes)
    with pytest.raises(ValueError, match='map_pose'):
        model.encode(arrays | {'map_pose': arrays['map_pose'][:-1]})
    with pytest.raises(ValueError, match='proposal is missing'):
        model.encode({name: array for name, array in arrays.items() if name != 'proposal'})
    plan, valid = plan_arrays(model.sizes, 2)
    with pytest.raises(ValueError, match='plan_valid'):
        model.decode(model.encode(arrays), plan, valid[:1])


def test_the_description_is_read_back(city: Path) -> None:
    folder = ModelFolder.read(city, raster_manifest=MANIFEST)
    assert folder.calibration == {'temperature': {'car': 1.2}}
    assert NetworkConfig.from_dict(folder.network) == load(city).config


def test_another_raster_is_refused(city: Path) -> None:
    with pytest.raises(ModelError, match='raster_manifest'):
        ModelFolder.read(city, raster_manifest='b' * 64)


@pytest.fixture
def copy(city: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(city, tmp_path / 'model'))


def test_another_contract_is_refused(copy: Path) -> None:
    content = json.loads((copy / DESCRIPTION).read_text())
    (copy / DESCRIPTION).write_text(json.dumps(content | {'contract': 99}))
    with pytest.raises(ModelError, match='contract must be'):
        ModelFolder.read(copy)


@pytest.mark.parametrize('name', [ENCODER_CPU, DECODER])
def test_a_damaged_file_is_refused(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=name):
        OnnxModel(ModelFolder.read(copy))


def test_a_file_that_is_no_network_is_refused(copy: Path) -> None:
    """Even with the right hash."""
    from prediction_node.domain.model_folder import digest

    (copy / ENCODER_CPU).write_bytes(b'no network')
    content = json.loads((copy / DESCRIPTION).read_text())
    content['files'][ENCODER_CPU] = digest(copy / ENCODER_CPU)
    (copy / DESCRIPTION).write_text(json.dumps(content))
    with pytest.raises(ModelError, match='ONNX Runtime refuses it'):
        OnnxModel(ModelFolder.read(copy))


@pytest.mark.parametrize('text', ['', '[]', '{"format": 1}', '{"format": 1, "contract": 1}'])
def test_a_broken_description_is_refused(copy: Path, text: str) -> None:
    (copy / DESCRIPTION).write_text(text)
    with pytest.raises(ModelError, match=DESCRIPTION):
        ModelFolder.read(copy)


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='no model here'):
        ModelFolder.read(tmp_path)


def test_the_benchmark_measures_both_halves(city: Path) -> None:
    model = OnnxModel(ModelFolder.read(city), threads=1)
    figures = measure(model, candidates=3, cycles=20)
    assert 0.0 < figures['p50_ms'] <= figures['p99_ms'] <= figures['p999_ms']
    assert max(figures['encode_p50_ms'], figures['decode_p50_ms']) < figures['p99_ms']
    assert figures['cycles'] == 20


def test_a_gpu_that_is_not_there_is_said_before_a_cycle(
    city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime itself would take the processor, and say so in its log alone."""
    import onnxruntime

    folder = ModelFolder.read(city)
    there = onnxruntime.get_available_providers()
    if 'CUDAExecutionProvider' in there:
        pytest.skip('this ONNX Runtime has CUDA')
    with pytest.raises(ModelError, match='install onnxruntime-gpu in its place'):
        OnnxModel(folder, device='cuda')

    class Fallen(onnxruntime.InferenceSession):  # type: ignore[misc]
        """What onnxruntime-gpu makes where CUDA does not load."""

        def __init__(self, path: str, options: Any, providers: Any, **more: Any) -> None:
            assert [name for name, _ in providers] == ['CUDAExecutionProvider']
            super().__init__(path, options, providers=['CPUExecutionProvider'], **more)

    monkeypatch.setattr(
        onnxruntime, 'get_available_providers', lambda: ['CUDAExecutionProvider', *there]
    )
    monkeypatch.setattr(onnxruntime, 'InferenceSession', Fallen)
    with pytest.raises(ModelError, match='CUDAExecutionProvider of ONNX Runtime does not start'):
        OnnxModel(folder, device='cuda')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_on_the_gpu_the_answers_are_the_same(city: Path) -> None:
    import onnxruntime

    folder = ModelFolder.read(city)
    arrays, plans = scene_arrays(folder.sizes), plan_arrays(folder.sizes, 3)
    expected = OnnxModel(folder)
    found = expected.decode(expected.encode(arrays), *plans)
    others: list[Any] = []
    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        others.append(OnnxModel(folder, device='cuda'))
    network = load(city)
    names = network.encoder.inputs
    others.append(TorchModel(network.encoder, network.decoder, folder.sizes, names, 'cuda'))
    for other in others:
        answer = other.decode(other.encode(arrays), *plans)
        assert np.abs(answer['mean'] - found['mean']).max() < PARITY_M
