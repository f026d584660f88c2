"""Sensor figures from YAML."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.kinds import MODALITY_NAMES, Modality
from prediction_node.simulation.sensors.parameters import (
    SensorParameters,
    SuiteParameters,
    default_sensor,
)


def load_suite(path: Path | str) -> SuiteParameters:
    """A suite from YAML: the fields of SuiteParameters, and `sensors` by name.

    A sensor that says its modality starts from the figures of that modality. A file without
    `sensors` keeps the default four. Raises DataError naming the file, ParameterError naming file
    and key.
    """
    try:
        with open(path, encoding='utf-8') as file:
            content = yaml.safe_load(file)
    except OSError as problem:
        raise DataError(f'{path} cannot be read: {problem.strerror}') from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise DataError(f'{path} is not YAML: {problem}') from problem
    try:
        return suite_from(content if content is not None else {})
    except ParameterError as problem:
        raise ParameterError(f'{path}: {problem}') from problem


def suite_from(content: Any) -> SuiteParameters:
    """A suite from what a YAML file holds. Raises ParameterError naming the key."""
    values = _typed(content, SuiteParameters, '')
    if 'sensors' in values:
        sensors = values['sensors']
        if not isinstance(sensors, dict) or not sensors:
            raise ParameterError('sensors must map names to figures')
        values['sensors'] = {
            str(name): _sensor(f'sensors.{name}', figures) for name, figures in sensors.items()
        }
    return SuiteParameters(**values)


def _sensor(where: str, figures: Any) -> SensorParameters:
    values = _typed(figures, SensorParameters, f'{where}.')
    name = values.pop('modality', None)
    if name not in MODALITY_NAMES:
        raise ParameterError(
            f'{where}.modality must be one of {", ".join(MODALITY_NAMES)}, got {name!r}'
        )
    try:
        return default_sensor(Modality(MODALITY_NAMES.index(name)), **values)
    except ParameterError as problem:
        raise ParameterError(f'{where}.{problem}') from problem


def _typed(content: Any, of: type, prefix: str) -> dict[str, Any]:
    """The mapping with each value in the type of its field. Raises ParameterError."""
    if not isinstance(content, dict):
        raise ParameterError(f'{prefix.rstrip(".") or "the suite"} must be a mapping')
    types = {f.name: f.type for f in dataclasses.fields(of)}
    out: dict[str, Any] = {}
    for key, value in content.items():
        if key not in types:
            raise ParameterError(f'{prefix}{key} is unknown; known are {", ".join(types)}')
        kind = types[key]
        if kind == 'float' and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        expected = {'float': float, 'bool': bool, 'str': str}.get(str(kind))
        if expected is not None and type(value) is not expected:
            raise ParameterError(
                f'{prefix}{key} must be a {expected.__name__}, got {type(value).__name__} {value!r}'
            )
        out[key] = value
    return out
