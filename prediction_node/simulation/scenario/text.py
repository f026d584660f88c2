"""Scenarios as commented YAML: what was drawn can be kept, and every field explains itself."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from prediction_node.simulation.scenario.scenario import Scenario

_WIDTH = 98


def scenario_text(scenario: Scenario) -> str:
    """YAML that `scenario_from` reads back as the same scenario."""
    return '\n'.join(_lines(scenario, 0)) + '\n'


def _lines(values: Any, depth: int) -> Iterator[str]:
    indent = '  ' * depth
    for field in dataclasses.fields(values):
        value = getattr(values, field.name)
        if dataclasses.is_dataclass(value):
            yield f'{indent}{field.name}:'
            yield from _lines(value, depth + 1)
            continue
        comment = f'{field.metadata["description"]}{_bounds(field.metadata)}'
        for line in textwrap.wrap(comment, _WIDTH - len(indent) - 2):
            yield f'{indent}# {line}'
        plain = list(value) if isinstance(value, tuple) else value
        text = yaml.safe_dump(plain, default_flow_style=True, width=10**6, allow_unicode=True)
        yield f'{indent}{field.name}: {text.strip().removesuffix("...").strip()}'


def _bounds(metadata: Any) -> str:
    parts = [metadata['unit']] if metadata['unit'] else []
    if metadata['low'] is not None:
        parts.append(f'{metadata["low"]:g} .. {metadata["high"]:g}')
    if metadata['choices']:
        parts.append(' | '.join(metadata['choices']))
    return f' [{", ".join(parts)}]' if parts else ''
