"""From trained weights to a model folder: validated, calibrated, exported, described."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader

from prediction_node.command_line import Progress, progress_bar
from prediction_node.domain.model_folder import CARD
from prediction_node.domain.tensors import Sizes
from prediction_node.domain.whole_file import write_whole
from prediction_node.learning.calibration import Judged, ask, calibrate, gather, told
from prediction_node.learning.card import card
from prediction_node.learning.data import Example, Examples, validation_loader
from prediction_node.learning.folds import write_fold
from prediction_node.learning.parameters import TrainParameters
from prediction_node.learning.progress import validation_line
from prediction_node.learning.run import Trained
from prediction_node.learning.tally import Tally
from prediction_node.tensors.calibration import Calibration

MODEL = 'model'
FIGURES = 'figures.json'


def ship(
    trained: Trained, parameters: TrainParameters, folder: Path, *, export: bool, console: Console
) -> None:
    """Write figures and (`export`) the model folder. Prints what came out."""
    console.print('validating and calibrating the best weights', highlight=False, soft_wrap=True)
    judged = ask_all(trained.network, trained.data.validation, parameters)
    calibration = calibrate(gather(judged, trained.data.sizes.step_s))
    figures = figures_of(judged, calibration, trained.data.sizes)
    console.print(
        f'step {trained.step}, calibrated: {validation_line(figures)}',
        highlight=False,
        soft_wrap=True,
    )
    content = {
        'step': trained.step,
        'calibration': calibration.as_dict(),
        'figures': figures,
        'record': trained.record,
    }
    write_whole(folder / FIGURES, json.dumps(content, indent=1) + '\n')
    if not export:
        return
    from prediction_node.network.export import export as write_model

    model = folder / MODEL
    description = card(parameters, trained.record, figures, trained.step)
    write_model(
        trained.network,
        model,
        {
            'name': parameters.name,
            'calibration': calibration.as_dict(),
            'provenance': {
                'code': trained.record['code'],
                'data': trained.record['digest'],
                'step': trained.step,
            },
            **_manifest(trained),
        },
    )
    (model / CARD).write_text(description, encoding='utf-8')
    if trained.data.held_out is not None:
        write_fold(model, trained.data.held_out)
    console.print(f'{model} is ready for engine.model_path', highlight=False, soft_wrap=True)


def figures_of(
    judged: Sequence[Judged], calibration: Calibration, sizes: Sizes
) -> dict[str, float]:
    """Figures of what is told, calibrated, with spreads before they are merged; and those of the
    kinematic proposals.
    """
    temperature = torch.tensor(calibration.temperature, dtype=torch.float32)
    scale = torch.tensor(calibration.sigma_scale, dtype=torch.float32)
    ours, theirs = Tally(sizes.weights), Tally(sizes.weights)
    for output, batch in judged:
        label = batch['label']
        log_weight = told(output, scale[label], sizes.step_s, temperature[label])
        factor = scale[label][..., None, None, None]
        sigma, rho = output['spread'][..., :2] * factor, output['spread'][..., 2:]
        ours.add(output['mean'], log_weight, batch, torch.cat([sigma, rho], dim=-1))
        if 'proposal' in batch:
            same = batch['proposal_log_weight'][..., None].expand(-1, -1, -1, sizes.weights)
            theirs.add(batch['proposal'][..., :2], same, batch)
    figures = ours.figures(sizes.step_s, sizes.steps)
    baseline = theirs.figures(sizes.step_s, sizes.steps)
    return figures | {f'{k}_kinematic': v for k, v in baseline.items() if '/nll' not in k}


def _manifest(trained: Trained) -> dict[str, Any]:
    if not trained.data.sizes.channels:
        return {}
    from prediction_node.raster.manifest import digest

    return {'raster_manifest': digest()}


def ask_all(network: nn.Module, examples: Examples, parameters: TrainParameters) -> list[Judged]:
    """What the network says of them, of `data.validation_limit` at most."""
    batches = validation_loader(
        examples,
        batch_size=parameters.run.batch_size,
        limit=parameters.data.validation_limit,
        rank=0,
        processes=1,
        workers=0,
    )
    with progress_bar() as progress:
        answers: list[Judged] = ask(network, _watched(batches, progress))
    return answers


def _watched(batches: DataLoader[Example], progress: Progress) -> Iterator[Any]:
    for done, batch in enumerate(batches):
        progress('asking', done, len(batches))
        yield batch
