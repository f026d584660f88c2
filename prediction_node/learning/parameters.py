"""What a training run may be told: one dataclass per concern, read from YAML and `key=value`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.parameter import check, parameter
from prediction_node.domain.parameter_tree import changed


@dataclass(frozen=True, slots=True)
class DataParameters:
    """Where the samples come from and how they are told apart."""

    kind: str = parameter(
        'samples',
        'samples: folders that `extract` wrote; eth_ucy: pedestrian scenes; synthetic: invented '
        'cars on open ground, to try things without data.',
        choices=('samples', 'eth_ucy', 'synthetic'),
    )
    folders: tuple[str, ...] = parameter((), 'Sample folders (`--data` replaces them).')
    exclude_groups: tuple[str, ...] = parameter(
        (), 'Groups that are neither learned from nor validated on: the test split.'
    )
    folds: int = parameter(
        0, 'Cross-validation: groups fall into so many folds; 0: no folds.', low=0, high=100
    )
    fold: int = parameter(0, 'The fold that is left out altogether.', low=0, high=99)
    validation_share: float = parameter(
        0.1, 'Of the groups, chosen by a hash of their names.', low=0.0, high=0.9
    )
    validation_limit: int = parameter(
        2000, 'Samples that one validation looks at, evenly spread.', low=1
    )
    workers: int = parameter(
        1, 'Processes that prepare samples; 0: the training process itself.', low=0, high=512
    )
    open_recordings: int = parameter(
        8,
        'Recordings that one worker mixes at a time: more mixes better, fewer keep maps warm.',
        low=1,
    )
    agents: int = parameter(
        64, 'Agents of a sample at most, those of most risk to the robotaxi.', low=1
    )
    map_nodes: int = parameter(192, 'Map nodes of a sample; 0: no map.', low=0)
    options: dict[str, Any] = field(default_factory=dict)  # what `kind` wants to know besides

    def __post_init__(self) -> None:
        check(self, 'data.')
        if self.folds and self.fold >= self.folds:
            raise ParameterError(
                f'data.fold must be below data.folds {self.folds}, got {self.fold}'
            )


@dataclass(frozen=True, slots=True)
class AugmentationParameters:
    """How a sample is changed before it is encoded; probabilities are per sample."""

    turn: float = parameter(0.5, 'Probability that the view is turned by any angle.', low=0, high=1)
    shift_m: float = parameter(
        6.0, 'Standard deviation of the shift of the view.', unit='m', low=0.0, high=50.0
    )
    no_ego: float = parameter(0.05, 'Probability that nobody drives.', low=0.0, high=1.0)
    no_plan: float = parameter(
        0.5, 'Probability that the plan of the robotaxi is not told.', low=0.0, high=1.0
    )
    plan_cut: float = parameter(
        0.2, 'Probability that only the first part of a told plan is told.', low=0.0, high=1.0
    )
    no_modality: float = parameter(
        0.1, 'Probability, for each modality, that it saw nobody.', low=0.0, high=1.0
    )
    no_attributes: float = parameter(
        0.1, 'Probability that no attribute of anybody is known.', low=0.0, high=1.0
    )
    no_attribute: float = parameter(
        0.1, 'Probability, for each attribute of each agent, that it is unknown.', low=0.0, high=1.0
    )
    short_history: float = parameter(
        0.15, 'Probability, for each agent, that its past is cut at a random age.', low=0, high=1
    )
    gap: float = parameter(
        0.1, 'Probability, for each agent, of up to 0.5 s missing in its past.', low=0, high=1
    )
    walker_heading_rad: float = parameter(
        0.1,
        'Standard deviation of what is added to the headings of a pedestrian or an animal, past '
        'and present: bodies, and the boxes drawn around them, point elsewhere than they go.',
        unit='rad',
        low=0.0,
        high=1.0,
    )
    no_map: float = parameter(0.03, 'Probability that the map is not known.', low=0.0, high=1.0)
    no_lights: float = parameter(0.1, 'Probability that no light is known.', low=0.0, high=1.0)

    def __post_init__(self) -> None:
        check(self, 'augmentation.')


@dataclass(frozen=True, slots=True)
class LossParameters:
    """Weights of the terms of the loss, and of agents; see docs/training.md."""

    regression: float = parameter(1.0, 'Pseudo-Huber distance of the best mode.', low=0.0)
    variety: float = parameter(
        0.0,
        'The best mode is drawn to ways that are longer or shorter by this share (deviation, at '
        'the last step) than those that were driven: modes then lie as far apart as futures do '
        'that were never seen. Their weights, and the first mode, are judged by what happened.',
        low=0.0,
        high=1.0,
    )
    likelihood: float = parameter(
        0.3, 'Negative log likelihood of the best mode, fully on after the warm-up.', low=0.0
    )
    classification: float = parameter(
        0.5, 'Cross-entropy of the weights against the nearest mode, at each instant.', low=0.0
    )
    likeliest: float = parameter(0.3, 'Pseudo-Huber distance of the likeliest mode.', low=0.0)
    mixture: float = parameter(
        0.0, 'Negative log likelihood of the whole mixture at the instants of the weights.', low=0.0
    )
    others: float = parameter(
        0.0, 'Share of the regression that goes to all modes but the best.', low=0.0, high=0.5
    )
    first: float = parameter(0.0, 'Pseudo-Huber distance of mode 0, whoever is best.', low=0.0)
    first_radius_m: float = parameter(
        0.0, 'Mode 0 counts as the best one if it comes this near.', unit='m', low=0.0
    )
    first_favour: float = parameter(
        1.0, 'Mode 0 is the best one unless another comes so many times nearer.', low=1.0, high=10.0
    )
    first_claim: float = parameter(
        1.0,
        'The weights are told that mode 0 is nearest unless another is so many times nearer.',
        low=1.0,
        high=10.0,
    )
    # Weights are judged as planners are told them: after the temperatures, by class name, of the
    # calibration that stays; 1 where not named.
    temperature: dict[str, float] = field(default_factory=dict)
    keep: float = parameter(
        0.0,
        'How far answers to a told plan are from those without one, of agents that it cannot '
        'affect.',
        low=0.0,
    )
    common: float = parameter(
        0.0,
        'What answers to two plans that tell nothing have in common, of agents that plans can '
        'affect: being told something must not matter by itself.',
        low=0.0,
    )
    final_share: float = parameter(
        0.5,
        'The best mode is the one with least (1 - s) x average + s x last error.',
        low=0,
        high=1,
    )
    huber_m: float = parameter(
        1.0, 'Distance at which the regression turns from square to line.', unit='m', low=0.01
    )
    warm_up_steps: int = parameter(
        500, 'Steps over which the likelihood grows to its weight.', low=0
    )
    class_weight: dict[str, float] = field(
        default_factory=lambda: {'pedestrian': 2.0, 'bicycle': 2.0, 'animal': 2.0}
    )  # by class name; 1 where not named
    standing_weight: float = parameter(
        0.2, 'Of agents that go less than 2 m within their known future.', low=0.0
    )
    affected_weight: float = parameter(
        1.0, 'Times so much for agents that the told plan can affect.', low=0.0
    )
    bystander_weight: float = parameter(
        1.0, 'Times so much for all others while a plan is told.', low=0.0
    )

    @property
    def minds_reactions(self) -> bool:
        """Whether it matters whom a told plan can affect, which takes time to find out."""
        weights = (self.affected_weight, self.bystander_weight)
        return bool(self.keep or self.common) or weights != (1.0, 1.0)

    def __post_init__(self) -> None:
        check(self, 'loss.')
        _check_classes('loss.class_weight', self.class_weight, 0.0)
        _check_classes('loss.temperature', self.temperature, 0.01)


def _check_classes(field_name: str, values: Mapping[str, Any], low: float) -> None:
    for name, value in values.items():
        if name not in CLASS_NAMES:
            raise ParameterError(
                f'{field_name} must name classes of {", ".join(CLASS_NAMES)}, got {name!r}'
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
            raise ParameterError(f'{field_name}.{name} must be >= {low:g}, got {value!r}')


@dataclass(frozen=True, slots=True)
class OptimizerParameters:
    """AdamW with a linear warm-up and a cosine towards the last step."""

    learning_rate: float = parameter(1.5e-3, 'At the end of the warm-up.', low=0.0, high=1.0)
    final_share: float = parameter(0.02, 'Of it, at the last step.', low=0.0, high=1.0)
    weight_decay: float = parameter(0.01, 'Of matrices; vectors have none.', low=0.0)
    warm_up_steps: int = parameter(300, 'Steps to the full learning rate.', low=0)
    gradient_clip: float = parameter(5.0, 'Longest gradient; 0: any.', low=0.0)
    ema_decay: float = parameter(
        0.999, 'Of the averaged weights, which are validated and exported.', low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        check(self, 'optimizer.')


@dataclass(frozen=True, slots=True)
class RunParameters:
    """How long, on what, and how often to look up from the work."""

    steps: int = parameter(20_000, 'Optimiser steps.', low=1)
    minutes: float = parameter(
        0.0,
        'It ends after this time if that comes before `steps`, and the learning rate falls '
        'accordingly; 0: by steps alone. Only runs by steps repeat exactly.',
        unit='min',
        low=0.0,
    )
    initial_weights: str = parameter(
        '', 'Weights (.safetensors) to start from, of the same network: fine-tuning.'
    )
    only: tuple[str, ...] = parameter(
        (), 'Only parameters whose names begin so are trained, all others stay; empty: all.'
    )
    batch_size: int = parameter(16, 'Samples a step and device.', low=1)
    seed: int = parameter(0, 'Of weights, order and augmentation.', low=0)
    accelerator: str = parameter('auto', 'What computes.', choices=('auto', 'cpu', 'gpu'))
    devices: int = parameter(1, 'GPUs or processes of each machine.', low=1)
    machines: int = parameter(1, 'Started by torchrun or SLURM on each.', low=1)
    precision: str = parameter(
        '32-true', 'Of the arithmetic.', choices=('32-true', 'bf16-mixed', '16-mixed')
    )
    threads: int = parameter(0, 'CPU threads of the training process; 0: one per core.', low=0)
    validate_every: int = parameter(500, 'Steps between validations.', unit='steps', low=1)
    patience: int = parameter(
        10, 'Validations without a better figure before it stops; 0: never.', low=0
    )
    monitor: str = parameter('validation/loss', 'The figure that must fall.')
    save_every_min: float = parameter(2.0, 'Between checkpoints.', unit='min', low=0.0)
    log_every: int = parameter(20, 'Steps between entries of TensorBoard.', low=1)

    def __post_init__(self) -> None:
        check(self, 'run.')


@dataclass(frozen=True, slots=True)
class TrainParameters:
    """All that `train` reads. `network` holds the fields of network.NetworkConfig."""

    name: str = 'model'
    intended_use: str = ''
    data: DataParameters = field(default_factory=DataParameters)
    augmentation: AugmentationParameters = field(default_factory=AugmentationParameters)
    network: dict[str, Any] = field(default_factory=dict)
    loss: LossParameters = field(default_factory=LossParameters)
    optimizer: OptimizerParameters = field(default_factory=OptimizerParameters)
    run: RunParameters = field(default_factory=RunParameters)

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values, as YAML or JSON hold them."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def load_parameters(
    path: Path, data: Sequence[Path] = (), overrides: Sequence[str] = ()
) -> TrainParameters:
    """The parameters of a YAML file, with `key.key=value` overrides and data folders on top.

    Raises ParameterError naming file or override, and key.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ParameterError(f'{path}: cannot be read: {error.strerror}') from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f'{path}: not YAML: {" ".join(str(error).split())}') from None
    if not isinstance(document, dict):
        raise ParameterError(f'{path}: must map names to values, got {document!r:.60}')
    for override in overrides:
        _override(document, override)
    if data:
        document.setdefault('data', {})['folders'] = [str(folder) for folder in data]
    return from_mapping(document, str(path))


def told_apart(data: Sequence[Path], rest: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Folders and overrides of a command line: `--data A B run.steps=9` is meant as it reads."""
    folders = [folder for folder in data if '=' not in str(folder)]
    return folders, [*(str(each) for each in data if '=' in str(each)), *rest]


def from_mapping(document: Mapping[str, Any], origin: str) -> TrainParameters:
    """Parameters from nested values. Raises ParameterError naming `origin` and the key."""
    try:
        return changed(TrainParameters(), dict(document))
    except ParameterError as error:
        raise ParameterError(f'{origin}: {error}') from None


def parameter_table() -> str:
    """All parameters with their defaults and meaning as a Markdown table."""
    rows = ['| parameter | default | is |', '| --- | --- | --- |']
    for branch in dataclasses.fields(TrainParameters):
        values = getattr(TrainParameters(), branch.name)
        if not dataclasses.is_dataclass(values):
            continue
        for leaf in dataclasses.fields(values):
            if 'description' not in leaf.metadata:
                continue
            default = getattr(values, leaf.name)
            shown = f'`{list(default) if isinstance(default, tuple) else default!r}`'
            unit = f' [{leaf.metadata["unit"]}]' if leaf.metadata['unit'] else ''
            choices = ' \\| '.join(leaf.metadata['choices'])
            choices = f' ({choices})' if choices else ''
            meaning = f'{leaf.metadata["description"]}{unit}{choices}'
            rows.append(f'| `{branch.name}.{leaf.name}` | {shown} | {meaning} |')
    return '\n'.join(rows)


def _override(document: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition('=')
    if not equals or not name:
        raise ParameterError(f'{override!r} must be key.key=value, such as run.steps=1000')
    *path, leaf = name.split('.')
    place = document
    for key in path:
        inner = place.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ParameterError(f'{override!r}: {key} holds no further keys')
        place = inner
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ParameterError(f'{override!r}: the value is not YAML') from None
    # YAML 1.1 wants a point in 1e-4; nobody who types it means a string.
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = float(value)
    place[leaf] = value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
