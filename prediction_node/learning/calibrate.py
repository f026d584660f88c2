"""A model folder calibrated anew, on other samples or after a change of what planners are told."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from prediction_node.domain.errors import DataError
from prediction_node.domain.model_folder import CARD, DESCRIPTION, ModelFolder
from prediction_node.domain.whole_file import write_whole
from prediction_node.learning.calibration import FEWEST, calibrate, gather
from prediction_node.learning.card import with_lines
from prediction_node.learning.data import Examples
from prediction_node.learning.dataset import all_samples
from prediction_node.learning.folds import FILE as FOLD
from prediction_node.learning.folds import Fold, read_fold
from prediction_node.learning.open_data import open_data
from prediction_node.learning.parameters import TrainParameters
from prediction_node.learning.progress import validation_line
from prediction_node.learning.provenance import code_version
from prediction_node.learning.ship import ask_all, figures_of
from prediction_node.network.export import load
from prediction_node.tensors.calibration import Calibration

_CALIBRATED = '- probabilities and spreads calibrated anew afterwards (`calibrate`), on'


def calibrate_model(
    model: Path,
    parameters: TrainParameters,
    unseen: Sequence[Path],
    out: Path,
    console: Console,
) -> None:
    """Write `model` to `out` with temperatures and spreads found on the validation groups of
    `parameters.data` and on all samples of the folders `unseen`.

    Networks and weights stay as they are, bit for bit, and so does the calibration of classes of
    which there are too few. A model of a fold is calibrated without what it holds out. Of each,
    `data.validation_limit` samples at most are asked. Raises DataError or ModelError naming the
    folder.
    """
    described = ModelFolder.read(model)
    before = Calibration.from_dict(described.calibration)
    held_out: frozenset[str] = frozenset()
    if (model / FOLD).is_file():
        held_out = frozenset(read_fold(model).held_out)
        parameters = _of_fold(model, parameters)
    network = load(model)
    config, digest = network.config, hashlib.sha256()
    asked: list[Examples] = []
    if parameters.data.folders or parameters.data.kind != 'samples':
        data = open_data(parameters, config)
        if held_out:
            _check_fold(model, data.held_out)
        if data.digest != described.provenance.get('data'):
            console.print(
                f'{model} was trained on other samples than these: what validates here it may have '
                'learned from',
                highlight=False,
                soft_wrap=True,
            )
        digest.update(data.digest.encode())
        asked.append(data.validation)
    if unseen:
        folders = [str(folder) for folder in unseen]
        fresh = all_samples(folders, parameters, config.sizes, without=held_out)
        digest.update(fresh.digest.encode())
        asked.append(fresh)
    if not asked:
        raise DataError('nothing to calibrate on: name sample folders (--data, --unseen)')
    judged = [answer for examples in asked for answer in ask_all(network, examples, parameters)]
    if not judged:
        raise DataError('nothing to calibrate on: the folders hold no samples that may be asked')
    answers = gather(judged, config.sizes.step_s, before)
    of_class = np.bincount(np.concatenate([*answers.label, np.zeros(0, int)]))
    count = int(of_class.sum())
    if of_class.max(initial=0) < FEWEST:
        raise DataError(
            f'{count} agents with a whole future are too few to calibrate on: of some class there '
            f'must be {FEWEST}'
        )
    calibration = calibrate(answers, before)
    figures = figures_of(judged, calibration, config.sizes)
    console.print(
        f'calibrated on {count} agents: {validation_line(figures)}', highlight=False, soft_wrap=True
    )
    if out.resolve() != model.resolve():
        shutil.copytree(model, out, dirs_exist_ok=True)
    content = json.loads((out / DESCRIPTION).read_text(encoding='utf-8'))
    content['calibration'] = calibration.as_dict()
    content['provenance']['calibrated'] = {'code': code_version(), 'data': digest.hexdigest()}
    write_whole(out / DESCRIPTION, json.dumps(content, indent=1) + '\n')
    if (out / CARD).is_file():
        text = (out / CARD).read_text(encoding='utf-8')
        (out / CARD).write_text(
            with_lines(text, {_CALIBRATED: f' {count:,} agents'}), encoding='utf-8'
        )
    ModelFolder.read(out)


def _of_fold(model: Path, parameters: TrainParameters) -> TrainParameters:
    fold = read_fold(model)
    data = dataclasses.replace(parameters.data, folds=fold.count, fold=fold.index)
    return dataclasses.replace(parameters, data=data)


def _check_fold(model: Path, held_out: Fold | None) -> None:
    """What the model never saw must not calibrate it either."""
    left_out = set() if held_out is None else set(held_out.held_out)
    seen = sorted(set(read_fold(model).held_out) - left_out)
    if seen:
        raise DataError(f'{model} holds out {seen[0]}, which these samples do not leave out')
