"""config/hil.yaml: time budgets, thresholds, how the planner drives and how faults look."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.parameter import check, parameter
from prediction_node.domain.parameter_tree import changed
from prediction_node.resources import share_path
from prediction_node.simulation.faults.parameters import FaultParameters
from prediction_node.simulation.planner.parameters import BodyParameters, PlannerParameters
from prediction_node.simulation.verdict.parameters import VerdictParameters

_WIDTH = 98


@dataclass(frozen=True, slots=True)
class TimeParameters:
    """The course of a run."""

    settle_s: float = parameter(
        5.0, 'The world goes on for this long before the run counts.', unit='s', low=1.0, high=600
    )
    lead_s: float = parameter(
        0.1,
        'A step of the world is computed this long before it begins; as long as that a plan waits.',
        unit='s',
        low=0.0,
        high=0.5,
    )
    ready_s: float = parameter(
        120.0, 'Longest wait for the node, the planner and the monitor.', unit='s', low=1, high=3600
    )

    def __post_init__(self) -> None:
        check(self, 'time.')


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """Everything config/hil.yaml says."""

    time: TimeParameters = field(default_factory=TimeParameters)
    verdict: VerdictParameters = field(default_factory=VerdictParameters)
    faults: FaultParameters = field(default_factory=FaultParameters)
    planner: PlannerParameters = field(default_factory=PlannerParameters)
    body: BodyParameters = field(default_factory=BodyParameters)


def load_settings(path: Path | None = None) -> BenchSettings:
    """From a YAML file, config/hil.yaml by default; what it leaves out has its default.

    Raises DataError naming the file, ParameterError naming file and key.
    """
    path = path or share_path('config', 'hil.yaml')
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror}') from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f'{path} is not YAML: {" ".join(str(error).split())}') from None
    try:
        return changed(BenchSettings(), {} if content is None else content)
    except ParameterError as error:
        raise ParameterError(f'{path}: {error}') from None


def to_yaml(settings: BenchSettings | None = None) -> str:
    """The file of these settings, every value with its meaning, unit and range."""
    return '\n'.join(_lines(settings or BenchSettings(), 0)) + '\n'


def _lines(values: Any, depth: int) -> Iterator[str]:
    indent = '  ' * depth
    for each in dataclasses.fields(values):
        value = getattr(values, each.name)
        if dataclasses.is_dataclass(value):
            yield f'{indent}{each.name}:'
            yield from _lines(value, depth + 1)
            continue
        comment = f'{each.metadata["description"]}{_bounds(each.metadata)}'
        for line in textwrap.wrap(comment, _WIDTH - len(indent)):
            yield f'{indent}# {line}'
        plain = list(value) if isinstance(value, tuple) else value
        text = yaml.safe_dump(plain, default_flow_style=True, width=10_000)
        text = text.removesuffix('...\n').strip()
        yield f'{indent}{each.name}: {text}'


def _bounds(metadata: Any) -> str:
    parts = [metadata['unit']] if metadata['unit'] else []
    if metadata['low'] is not None or metadata['high'] is not None:
        low = '' if metadata['low'] is None else f'{metadata["low"]:g}'
        high = '' if metadata['high'] is None else f'{metadata["high"]:g}'
        parts.append(f'{low} .. {high}')
    if metadata['choices']:
        parts.append(' | '.join(metadata['choices']))
    return f' [{", ".join(parts)}]' if parts else ''
