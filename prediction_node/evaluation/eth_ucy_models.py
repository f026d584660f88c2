"""The networks of the five folds, each with the proof that it never saw what it is judged on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from prediction_node.crowds.arrays import AGENTS, MODES
from prediction_node.crowds.files import STEP_S, fold_digest
from prediction_node.crowds.windows import OBSERVED, PREDICTED
from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.model_folder import ModelFolder
from prediction_node.domain.tensors import Arrays, Sizes
from prediction_node.inference.onnx_model import OnnxModel
from prediction_node.tensors.calibration import Calibration

# Windows are padded to one of these: a session knows one number of agents.
_AGENTS = (4, 8, 16, 32, 64, AGENTS)


class FoldModel:
    """A network in ONNX Runtime with its calibration; implements evaluation.eth_ucy.Model."""

    def __init__(self, folder: ModelFolder) -> None:
        self.sizes: Sizes = dataclasses.replace(folder.sizes, agents=AGENTS)
        self._folder = folder
        self._models: dict[int, OnnxModel] = {}
        calibration = Calibration.from_dict(folder.calibration)
        self._temperature = float(calibration.temperature[ObjectClass.PEDESTRIAN])
        self._sigma_scale = float(calibration.sigma_scale[ObjectClass.PEDESTRIAN])
        self._plan = np.zeros((1, self.sizes.blocks, 5), np.float32)

    def __call__(self, arrays: Arrays) -> Mapping[str, np.ndarray]:
        """OUTPUTS of as many agents as there are, calibrated."""
        there = int(arrays['actor_valid'].sum())
        agents = next(count for count in _AGENTS if count >= there)
        if agents not in self._models:
            self._models[agents] = OnnxModel(self._folder, agents=agents, threads=1)
        model = self._models[agents]
        encoded = model.encode({name: each[: agents + 1] for name, each in arrays.items()})
        output = model.decode(encoded, self._plan, self._plan[..., 0])
        spread = output['spread'] * np.array([self._sigma_scale, self._sigma_scale, 1.0])
        logit = output['weight_logit'] / self._temperature
        return {'mean': output['mean'], 'spread': spread, 'weight_logit': logit}


def open_model(folder: Path, scene: str, data: Path) -> FoldModel:
    """The network of `folder`/`scene`.

    Raises ModelError for a folder that holds no model, DataError for a model that is made for
    something else, or was not made from the `train` and `val` files of this scene in `data`: it may
    have seen what it would be judged on.
    """
    place = folder / scene
    if not place.is_dir():
        raise DataError(f'{place}: no model for {scene}; see docs/evaluation_eth_ucy.md')
    # What `train` writes lies one folder deeper.
    found = ModelFolder.read(place / 'model' if (place / 'model').is_dir() else place)
    for name, wanted in (
        ('modes', MODES),
        ('steps', PREDICTED),
        ('step_s', STEP_S),
        ('history', OBSERVED),
        ('history_step_s', STEP_S),
        ('map_nodes', 0),
        ('channels', 0),
    ):
        value = getattr(found.sizes, name)
        if value != wanted:
            raise DataError(f'{found.path}: {name} must be {wanted} for ETH/UCY, got {value}')
    learned = found.provenance.get('data')
    expected = fold_digest(data, scene)
    if learned != expected:
        raise DataError(
            f'{found.path}: trained on data of SHA-256 {learned}, but train and val of {scene} in '
            f'{data} have {expected}: what it is judged on may be among what it learned'
        )
    return FoldModel(found)
