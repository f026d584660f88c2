"""The first layer in whole numbers says what the one in floats says."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.domain.tensors import RASTERS  # noqa: E402
from prediction_node.network import Network  # noqa: E402
from prediction_node.network.byte_stem import LARGEST, byte_stem, whole_numbers  # noqa: E402
from prediction_node.network.export import OPSET  # noqa: E402
from prediction_node.network.raster import FINE  # noqa: E402

LEAST_IR_VERSION = 8  # of opset 18


def random_bytes(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 256, shape, np.uint8)


def full(_: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, 255, np.uint8)


def empty(_: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize('drawn', [random_bytes, full, empty])
def test_bytes_times_whole_numbers_are_features(city: Network, drawn: object) -> None:
    sizes, pyramid = city.config.sizes, city.encoder.raster
    assert callable(drawn)
    assert pyramid is not None
    rng = np.random.default_rng(3)
    shape = (sizes.cells, sizes.cells, sizes.channels)
    rasters = {name: drawn(rng, shape) for name in RASTERS}
    model = byte_stem(pyramid, city.config, OPSET, LEAST_IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run([FINE], rasters)
    with torch.no_grad():
        expected = pyramid.fine(*(torch.from_numpy(each)[None] for each in rasters.values()))
    assert expected.abs().max() > 0.1
    # Of each of 16 C bytes by at most half a step of the finer part.
    weight = pyramid.stem.weight().detach().abs().max()
    bound = 16 * sizes.channels * 255 * float(weight) / (4 * LARGEST**2)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=bound)
    typical = float((torch.from_numpy(found) - expected).abs().mean() / expected.abs().mean())
    assert typical < 2e-3


def test_parts_fit_and_come_back_together() -> None:
    weight = np.random.default_rng(4).normal(size=(5, 48)) * np.geomspace(1e-4, 10.0, 5)[:, None]
    weight[4] = 0.0
    parts, together, stands_for = whole_numbers(weight)
    assert parts.dtype == np.int8
    assert parts.shape == (48, 10)
    assert np.abs(parts).max() <= LARGEST
    np.testing.assert_allclose(parts.astype(float) @ together, stands_for.T)
    step = np.abs(weight).max(axis=1, keepdims=True) / LARGEST
    assert (np.abs(stands_for - weight) <= step / (4 * LARGEST) + 1e-15).all()
