"""The model card: what was learned from what, how well, and what it is for (after Mitchell et al.,
Model Cards for Model Reporting, 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_node.learning.parameters import TrainParameters
from prediction_node.learning.tally import ROWS

_COLUMNS = (
    ('likely_fde', 'FDE of the likeliest'),
    ('min_fde', 'minFDE'),
    ('brier_min_fde', 'brier-minFDE'),
    ('miss_rate', 'miss rate'),
)


def card(
    parameters: TrainParameters,
    record: Mapping[str, Any],
    figures: Mapping[str, float],
    step: int,
) -> str:
    """Markdown. `record` as checkpoints hold it, `figures` of the validation groups."""
    sizes = record['sizes']
    lines = [
        f'# {parameters.name}',
        '',
        parameters.intended_use.strip()
        or 'Predicts weighted futures of road users. Not evaluated for any use yet.',
        '',
        '## Model',
        '',
        (
            f'- {sizes["modes"]} modes, {sizes["steps"]} steps of {sizes["step_s"]:g} s, contract '
            f'version {record["contract"]}'
        ),
        '- reads '
        + ', '.join(
            name
            for name, there in (
                ('histories and states of agents', True),
                ('map nodes', bool(sizes['map_nodes'])),
                (f'a raster of {sizes["channels"]} channels', bool(sizes['channels'])),
                ('kinematic proposals', bool(record['network'].get('use_proposals'))),
                ("the robotaxi's plan", bool(record['network'].get('use_plan'))),
            )
            if there
        ),
        (
            f'- averaged weights of step {step}, chosen by `{parameters.run.monitor}` on the '
            'validation groups alone'
        ),
        f'- code {record["code"]}, data SHA-256 `{record["digest"]}`, seed {parameters.run.seed}',
        '- probabilities (temperature) and spreads calibrated by class on the validation groups',
        '',
        '## Data',
        '',
        *_sources(record['sources']),
        '',
        '## Figures of the validation groups',
        '',
        (
            'Metres; in brackets the kinematic proposals on the same samples. The weights were '
            'chosen and calibrated on these groups: figures of groups that had no say are in '
            'docs/evaluation.md.'
        ),
        '',
        *_table(figures),
        '',
        '## Limits',
        '',
        '- Places, sensors and behaviour unlike the data above have not been seen.',
        (
            '- Validation figures are of samples like those it learned from; simulated agents '
            'behave more regularly than people do.'
        ),
        (
            '- In the vehicle it runs behind a guard: what is not finite or not normalised is '
            "replaced by the kinematic engine's answer in the same cycle."
        ),
        '',
    ]
    return '\n'.join(lines)


def _sources(sources: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, facts in sources.items():
        if isinstance(facts, Mapping):
            facts = ', '.join(f'{key}: {value}' for key, value in facts.items())
        elif isinstance(facts, list):
            facts = f'{len(facts)}'
        lines.append(f'- {name}: {facts}')
    return lines or ['- not stated']


def _table(figures: Mapping[str, float]) -> list[str]:
    """One row for each class and horizon that was seen."""
    horizons = sorted(
        {k.rsplit('_', 1)[1] for k in figures if '/min_fde_' in k and k.endswith('s')},
        key=lambda text: float(text.removesuffix('s')),
    )
    lines = [
        '| agents | at | ' + ' | '.join(title for _, title in _COLUMNS) + ' |',
        '| --- | --- |' + ' --- |' * len(_COLUMNS),
    ]
    for row in ROWS:
        for horizon in horizons:
            cells = []
            for name, _ in _COLUMNS:
                value = figures.get(f'{row}/{name}_{horizon}')
                baseline = figures.get(f'{row}/{name}_{horizon}_kinematic')
                if value is None:
                    break
                cells.append(f'{value:.2f}' + ('' if baseline is None else f' ({baseline:.2f})'))
            if len(cells) == len(_COLUMNS):
                lines.append(f'| {row} | {horizon} | ' + ' | '.join(cells) + ' |')
    if 'all/ece' in figures:
        versus = figures.get('all/ece_kinematic')
        beside = '' if versus is None else f' ({versus:.3f})'
        lines += ['', f'Expected calibration error: {figures["all/ece"]:.3f}{beside}']
    return lines


def with_lines(text: str, said: Mapping[str, str]) -> str:
    """A card with lines {beginning: the rest of it} at the end of what it says below `## Model`, in
    place of lines that begin so.
    """
    lines = text.split('\n')
    at = next((i for i, line in enumerate(lines) if line == '## Data'), len(lines))
    kept = [line for line in lines[:at] if not line.startswith(tuple(said))]
    while kept and not kept[-1]:
        kept.pop()
    return '\n'.join([*kept, *(begin + rest for begin, rest in said.items()), '', *lines[at:]])
