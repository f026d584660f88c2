"""Rasters drawn from sketches by the device's kernels are those that are drawn here."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.frames import Transform
from prediction_node.domain.scene import Scene
from prediction_node.domain.sketch import (
    MARKS,
    NO_CHANGES,
    TILE_TYPE,
    TILES,
    DrawnArrays,
    filled_tiles,
    sketch_type,
)
from prediction_node.domain.tensors import RASTERS, encoder_inputs
from prediction_node.inference.engine_process import EngineProcess
from prediction_node.inference.relief import Relieved
from prediction_node.inference.tensorrt_engine.painter import EXACT, SOURCE, defines
from prediction_node.raster import Raster, Rasterizer, SceneDrawing
from prediction_node.stored_scenes import sample_scenes
from prediction_node.tensors.plans import no_plan


@pytest.fixture(scope='module')
def host() -> Iterator[Any]:
    """The module of host kernels, importable by other processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        module = importlib.import_module('host_kernels')
        if module.compiler() is None:
            pytest.skip('needs a C++ compiler')
        yield module


@pytest.fixture(scope='module')
def library(host: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = host.build(host.SIZES, tmp_path_factory.mktemp('paint'))
    return path


@pytest.fixture(scope='module')
def scenes() -> list[Scene]:
    """Of a city with lights and walkers, 4 s apart, and of a street without lights."""
    return sample_scenes('city', 4, every_cycles=40) + sample_scenes('lankershim', 2)


def drawing_of(rasterizer: Rasterizer, scene: Scene, view: Transform | None = None) -> SceneDrawing:
    return SceneDrawing(rasterizer, rasterizer.sketch(scene, view), Raster.blank())


class Device:
    """Somebody who is told of the map and draws."""

    def __init__(self, host: Any, library: Path) -> None:
        sketch = np.zeros(1, sketch_type(host.SIZES.agents))
        self.painter = host.HostPainter(library, sketch, np.zeros(TILES, TILE_TYPE))
        self.told = NO_CHANGES
        self.tiles = 0

    def rasters(self, drawing: SceneDrawing) -> tuple[np.ndarray, np.ndarray]:
        changed, self.told = drawing.changed_tiles(self.told)
        self.tiles = len(changed)
        for count in filled_tiles(drawing, changed, self.painter.tiles):
            self.painter.take_tiles(count)
        assert drawing.write(self.painter.sketch)
        found = Raster.blank()
        self.painter.paint(found.near, found.far)
        return found.near, found.far


def test_scene_after_scene_is_drawn_byte_for_byte(
    host: Any, library: Path, scenes: list[Scene]
) -> None:
    device, rasterizer = Device(host, library), Rasterizer()
    filled = np.zeros(64, bool)
    shift_m = np.array([30.0, -55.0, 0.0])
    for scene in scenes:
        base = scene.ego.map_from_base
        moved = Transform.from_xyz_yaw(base.translation_m + shift_m, base.yaw_rad + 2.0)
        for view in (None, moved):
            drawing = drawing_of(rasterizer, scene, view)
            for found, expected in zip(device.rasters(drawing), drawing.rasters(), strict=True):
                np.testing.assert_array_equal(found, expected)
                filled |= (expected != expected[0, 0]).any(axis=(0, 1))
    assert filled.sum() > 50


def test_only_what_is_new_of_the_map_is_told(host: Any, library: Path, scenes: list[Scene]) -> None:
    device, rasterizer = Device(host, library), Rasterizer()
    device.rasters(drawing_of(rasterizer, scenes[0]))
    assert device.tiles > 100
    device.rasters(drawing_of(rasterizer, scenes[0]))
    assert device.tiles == 0
    device.rasters(drawing_of(rasterizer, scenes[1]))
    assert device.tiles < 100


@pytest.mark.parametrize('broken', [np.nan, np.inf, 1e200])
def test_what_has_no_place_is_not_drawn(
    host: Any, library: Path, scenes: list[Scene], broken: float
) -> None:
    scene = dataclasses.replace(scenes[0], lane_map=None)
    position_m = scene.agents.position_m.copy()
    position_m[::2] = broken
    agents = dataclasses.replace(scene.agents, position_m=position_m)
    drawing = drawing_of(Rasterizer(), dataclasses.replace(scene, agents=agents))
    for found, expected in zip(
        Device(host, library).rasters(drawing), drawing.rasters(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_what_does_not_fit_is_told(scenes: list[Scene]) -> None:
    sketch = Rasterizer().sketch(scenes[0])
    count = len(scenes[0].agents)
    assert sketch.write(np.zeros(1, sketch_type(count)))
    assert not sketch.write(np.zeros(1, sketch_type(count - 1)))
    marks = sketch.marks[0]
    many = dataclasses.replace(marks, channel=np.zeros(MARKS + 1, np.int64))
    crowded = dataclasses.replace(sketch, marks=(many, many))
    assert not crowded.write(np.zeros(1, sketch_type(count)))


def test_it_compiles_for_gpus(host: Any, tmp_path: Path) -> None:
    nvcc = shutil.which('nvcc')
    if nvcc is None:
        pytest.skip('needs nvcc')
    options = [f'-D{name}={value}' for name, value in defines(host.SIZES).items()]
    for architecture in ('sm_87', 'sm_90'):
        command = [nvcc, '-cubin', f'-arch={architecture}', EXACT, *options, str(SOURCE)]
        done = subprocess.run(
            [*command, '-o', str(tmp_path / 'paint.cubin')], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


# ---- through the engine's process ----------------------------------------------------------------


@pytest.fixture
def start(host: Any, library: Path, started: Any) -> Callable[..., EngineProcess]:
    def begin(how: str = '') -> EngineProcess:
        argument = f'{how} {library}' if how else str(library)
        process: EngineProcess = started(host.SIZES, host.open_drawing, argument, 30.0)
        return process

    return begin


def answer(process: EngineProcess, arrays: Any) -> tuple[list[float], float]:
    """What the network made of its rasters, and how often it had drawn by then."""
    found = process.decode(process.encode(arrays), *no_plan(process.sizes))
    return found['mean'][0, 0, 0, 0].tolist(), float(found['weight_logit'][0, 0, 0, 0])


def others(host: Any) -> dict[str, np.ndarray]:
    return {
        name: np.zeros(tensor.shape(host.SIZES), tensor.dtype)
        for name, tensor in encoder_inputs(host.SIZES).items()
        if name not in RASTERS
    }


def test_the_engines_process_draws_what_would_be_copied(
    host: Any, start: Any, scenes: list[Scene]
) -> None:
    process, rasterizer = start(), Rasterizer()
    for number, scene in enumerate(scenes, 1):
        drawing = drawing_of(rasterizer, scene)
        found, drawn = answer(process, DrawnArrays(others(host), drawing))
        assert drawn == number
        assert found == [host.checksum(raster) for raster in drawing.rasters()]
    assert process.cannot_draw == ''
    copied = others(host) | dict(zip(RASTERS, drawing.rasters(), strict=True))
    assert answer(process, copied) == (found, number)


@pytest.mark.parametrize('where', ['tiles', 'draw'])
def test_a_device_that_dies_while_it_draws_is_relieved_in_the_same_call(
    host: Any, start: Any, scenes: list[Scene], where: str
) -> None:
    """By one that is handed rasters; and a process that comes anew is told the whole map."""
    process, rasterizer = start(where), Rasterizer()
    process.check = lambda: None
    second = host.CopyingNetwork()
    relieved = Relieved(process, second, 'gpu', 'processor')
    drawing = drawing_of(rasterizer, scenes[0])
    arrays = DrawnArrays(others(host), drawing)
    found = relieved.decode(relieved.encode(arrays), *no_plan(process.sizes))
    expected = [host.checksum(raster) for raster in drawing.rasters()]
    assert found['mean'][0, 0, 0, 0].tolist() == expected
    assert 'processor for gpu' in relieved.standing_in
    assert answer(start(), DrawnArrays(others(host), drawing)) == (expected, 1.0)


def test_a_map_that_comes_goes_and_changes_is_drawn(
    host: Any, start: Any, scenes: list[Scene]
) -> None:
    process, rasterizer = start(), Rasterizer()
    city, street = scenes[0], scenes[-1]
    for scene in (dataclasses.replace(city, lane_map=None), city, street, city, street):
        drawing = drawing_of(rasterizer, scene)
        found, _ = answer(process, DrawnArrays(others(host), drawing))
        assert found == [host.checksum(raster) for raster in drawing.rasters()]


def test_a_scene_that_does_not_fit_is_copied(host: Any, start: Any, scenes: list[Scene]) -> None:
    process, rasterizer = start(), Rasterizer()
    crowd = np.arange(host.SIZES.agents + 1) % len(scenes[0].agents)
    drawing = drawing_of(rasterizer, scenes[0].select(crowd))
    found, drawn = answer(process, DrawnArrays(others(host), drawing))
    assert drawn == 0
    assert found == [host.checksum(raster) for raster in drawing.rasters()]
    drawing = drawing_of(rasterizer, scenes[0])
    assert answer(process, DrawnArrays(others(host), drawing))[1] == 1


def test_what_is_no_longer_the_newest_is_not_painted(scenes: list[Scene]) -> None:
    """Its map may be gone from the texture."""
    rasterizer = Rasterizer()
    old = drawing_of(rasterizer, scenes[0])
    drawing_of(rasterizer, scenes[1])
    with pytest.raises(ValueError, match='must be the newest'):
        old.rasters()


def test_rasters_are_painted_once_and_only_if_asked_for(scenes: list[Scene]) -> None:
    painted = []

    class Watched(Rasterizer):
        def paint(self, sketch: Any, raster: Raster) -> None:
            painted.append(sketch)
            super().paint(sketch, raster)

    arrays = DrawnArrays({'actor_state': np.zeros(1)}, drawing_of(Watched(), scenes[0]))
    assert set(arrays) == {'actor_state', *RASTERS}
    assert arrays['actor_state'] is not None
    assert not painted
    for name in RASTERS:
        np.testing.assert_array_equal(arrays[name], arrays[name])
    assert len(painted) == 1
