"""Training data of the ETH/UCY protocol: one fold, read from its `train` and `val` files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prediction_node.crowds.arrays import encode_crowd, encode_labels
from prediction_node.crowds.files import SCENES, STEP_S, fold_digest, read_crowd, split_files
from prediction_node.crowds.windows import (
    OBSERVED,
    PEOPLE,
    PREDICTED,
    CrowdWindow,
    nearest,
    windows,
)
from prediction_node.domain.errors import ParameterError
from prediction_node.domain.parameter import check, parameter
from prediction_node.domain.tensors import Sizes
from prediction_node.learning.data import Example, TrainingData

LICENCE = 'UCY: free with credit; ETH: none stated, measuring only'


@dataclass(frozen=True, slots=True)
class CrowdOptions:
    """`data.options` of a training on pedestrian scenes; probabilities are per window and draw."""

    folder: str = parameter('', 'Folder of the protocol: <scene>/{train,val,test}/*.txt.')
    scene: str = parameter('eth', 'The scene that is left out.', choices=SCENES)
    people: int = parameter(
        PEOPLE, 'Of a training window at most so many, around one of them.', low=1, high=128
    )
    noise_m: float = parameter(
        0.06,
        'Each pedestrian is seen with errors of a standard deviation up to this: ETH is annotated '
        'less smoothly than UCY.',
        unit='m',
        low=0.0,
        high=1.0,
    )
    clean: float = parameter(0.3, 'Probability that a pedestrian is seen exactly.', low=0, high=1)
    scale: float = parameter(
        0.5, 'Everything is larger or smaller by a factor of up to exp(+-this).', low=0.0, high=1.0
    )
    alone: float = parameter(0.1, 'Probability that the others are not seen.', low=0.0, high=1.0)

    def __post_init__(self) -> None:
        check(self, 'data.options.')


@dataclass(frozen=True, slots=True)
class CrowdExamples:
    """Windows as examples; `draw` seeds how one is changed."""

    windows: Sequence[CrowdWindow]
    sizes: Sizes
    options: CrowdOptions
    seed: int = 0

    def __len__(self) -> int:
        return len(self.windows)

    def example(self, index: int, draw: int | None) -> Example:
        window = self.windows[index]
        if draw is not None:
            rng = np.random.default_rng([self.seed, index, draw])
            window = vary(window, self.options, rng)
        return {
            **encode_crowd(window.history_m, window.history_valid, self.sizes),
            **encode_labels(window, self.sizes),
        }


def vary(window: CrowdWindow, options: CrowdOptions, rng: np.random.Generator) -> CrowdWindow:
    """Another window that might as well have been recorded: fewer people, mirrored, larger or
    smaller, seen less exactly. The labels move with the world, not with errors of observation.
    """
    picked = _picked(window, options, rng)
    judged = int((picked < window.judged).sum())
    factor = np.exp(rng.uniform(-options.scale, options.scale))
    # Own frames turn with the world: a mirror is all that turning leaves to try.
    stretch = np.array([factor, factor * (1.0 if rng.random() < 0.5 else -1.0)])
    sigma = rng.uniform(0.0, options.noise_m, (len(picked), 1, 1))
    sigma = sigma * (rng.random((len(picked), 1, 1)) >= options.clean)
    history = window.history_m[picked]
    error = sigma * rng.standard_normal(history.shape)
    valid = window.history_valid[picked]
    return dataclasses.replace(
        window,
        person=window.person[picked],
        history_m=np.where(valid[..., None], history * stretch + error, 0.0),
        history_valid=valid,
        future_m=window.future_m[picked[:judged]] * stretch,
    )


def _picked(window: CrowdWindow, options: CrowdOptions, rng: np.random.Generator) -> np.ndarray:
    """Rows of a window that stay, in their order: those nearest to one who is judged."""
    centre = int(rng.integers(window.judged))
    count = 1 if rng.random() < options.alone else options.people
    return np.sort(nearest(window.history_m, centre, count))


def open_data(options: Mapping[str, Any], sizes: Sizes) -> TrainingData:
    """The fold that leaves `options['scene']` out. Its test files are not even opened.

    Raises ParameterError for options and axes that do not fit, DataError naming a bad file.
    """
    known = {field.name for field in dataclasses.fields(CrowdOptions)}
    if set(options) - known:
        raise ParameterError(
            f'data.options are {sorted(known)}, got {sorted(set(options) - known)}'
        )
    chosen = CrowdOptions(**options)
    _check_sizes(sizes)
    folder = Path(chosen.folder)
    found: dict[str, list[CrowdWindow]] = {}
    for split in ('train', 'val'):
        found[split] = []
        for path in split_files(folder, chosen.scene, split):
            found[split] += windows(read_crowd(path))
    recordings = [window.recording for window in found['train']]
    people = {split: sum(w.judged for w in found[split]) for split in found}
    return TrainingData(
        train=CrowdExamples(found['train'], sizes, chosen),
        validation=CrowdExamples(found['val'], sizes, chosen),
        train_recording=recordings,
        sizes=sizes,
        digest=fold_digest(folder, chosen.scene),
        sources={
            f'ETH/UCY without {chosen.scene}': {
                'recordings': sorted(set(recordings)),
                'windows': len(recordings),
                'pedestrians': people['train'],
                'validation pedestrians': people['val'],
                'licence': LICENCE,
            }
        },
    )


def _check_sizes(sizes: Sizes) -> None:
    wanted = {
        'history': OBSERVED,
        'history_step_s': STEP_S,
        'steps': PREDICTED,
        'step_s': STEP_S,
        'weights': 1,
        'map_nodes': 0,
        'channels': 0,
    }
    for name, value in wanted.items():
        if getattr(sizes, name) != value:
            raise ParameterError(
                f'network.sizes.{name} must be {value} for pedestrian scenes, '
                f'got {getattr(sizes, name)}'
            )
