"""Scenes of the samples as the network reads them, to compare engines on."""

from __future__ import annotations

from typing import Any

import numpy as np

from prediction_node.bags.reader import BagReader
from prediction_node.conditional.straight import straight_plans
from prediction_node.config import Config
from prediction_node.domain.scene import Scene
from prediction_node.domain.stamps import STEP_NS
from prediction_node.domain.tensors import Arrays, Sizes
from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.lanelet.load import load_map
from prediction_node.pipeline import Pipeline, inputs
from prediction_node.predictor import LearnedEngine
from prediction_node.raster import Raster, Rasterizer, SceneDrawing
from prediction_node.resources import share_path
from prediction_node.tensors.calibration import Calibration
from prediction_node.tensors.plans import encode_plans, no_plan

SAMPLES = ('city', 'lankershim')
FIRST_CYCLE = 35  # by then there is a past of three seconds
_FASTEST_MPS = 15.0


def sample_scenes(sample: str, count: int, every_cycles: int = 10) -> list[Scene]:
    """Scenes that the pipeline makes of a sample's bag, a second apart."""
    lane_map = load_map(share_path('samples', sample, 'map.osm'))
    config = Config()
    pipeline = Pipeline(config, lane_map)
    names = {entry.topic: entry.name for entry in inputs(config)}
    scenes: list[Scene] = []
    due_ns, cycle = None, 0
    with BagReader(share_path('samples', sample, 'bag')) as bag:
        for message in bag.messages():
            due_ns = due_ns or message.log_ns + STEP_NS
            while message.log_ns > due_ns and len(scenes) < count:
                perception = pipeline.perceive(due_ns)
                due_ns += STEP_NS
                cycle += 1
                wanted = cycle >= FIRST_CYCLE and (cycle - FIRST_CYCLE) % every_cycles == 0
                if wanted and perception.scene is not None and len(perception.scene.agents):
                    scenes.append(perception.scene)
            if len(scenes) == count:
                break
            if message.topic in names:
                pipeline.receive(names[message.topic], message.data, message.log_ns)
    return scenes


def encoded_scenes(scenes: list[Scene], sizes: Sizes) -> list[Arrays]:
    """The arrays that a network of these sizes is given for the scenes: the vehicle's own way."""
    ear = _Ear(sizes)
    engine = LearnedEngine(ear, KinematicEngine(Config().kinematic), Rasterizer(), Calibration())
    found = []
    for scene in scenes:
        try:
            engine.predict(scene)
        except _Heard as heard:
            found.append(heard.arrays)
    return found


def encoded_plans(scene: Scene, sizes: Sizes, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(C, K, 5), (C, K): standing, driving on at several speeds; a single one stands for none."""
    if count == 1:
        return no_plan(sizes)
    ego = scene.ego
    speeds = np.linspace(0.0, _FASTEST_MPS, count).tolist()
    return encode_plans(straight_plans(ego.position_m, ego.yaw_rad, speeds), ego, sizes)


def scene_drawing(scene: Scene, agents: int) -> SceneDrawing:
    """The scene as whoever draws it is handed it, with at most so many of its agents."""
    rasterizer = Rasterizer()
    shown = scene.select(np.arange(min(len(scene.agents), agents)))
    return SceneDrawing(rasterizer, rasterizer.sketch(shown), Raster.blank())


class _Heard(Exception):
    """What a network was given."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        self.arrays = arrays


class _Ear:
    """A network that only listens."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes

    def encode(self, arrays: Arrays) -> Any:
        raise _Heard({name: array.copy() for name, array in arrays.items()})

    def decode(self, encoded: Any, plan: np.ndarray, plan_valid: np.ndarray) -> Any:
        raise AssertionError('nothing was encoded')
