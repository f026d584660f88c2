"""Scenarios from YAML."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.resources import share_path
from prediction_node.simulation.scenario.scenario import Scenario

# Files of config/scenarios that travel with the package.
SHIPPED = (
    'downtown',
    'roundabout',
    'arterial',
    'residential',
    'unsignalised',
    'kerb',
    'night_fog',
    'city',
)
_Values = TypeVar('_Values')


def load_scenario(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by name, or one from a file. Raises DataError naming the file, or
    ParameterError naming file, field, value and bound.
    """
    if str(name_or_path) in SHIPPED:
        return read_scenario(share_path('config', 'scenarios', f'{name_or_path}.yaml'))
    path = Path(name_or_path)
    if not path.suffix and not path.exists():
        raise DataError(
            f'{str(name_or_path)!r} is no scenario: shipped are {", ".join(SHIPPED)}; '
            'a file must exist'
        )
    return read_scenario(path)


def read_scenario(path: Path) -> Scenario:
    """The scenario of a YAML file; without a name it has the file's. Raises as load_scenario."""
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as problem:
        raise DataError(f'{path} cannot be read: {problem.strerror}') from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        reason = ' '.join(str(problem).split())
        raise DataError(f'{path} is not YAML: {reason}') from problem
    try:
        named = Scenario(name=path.stem)
        return scenario_from({} if content is None else content, named)
    except ParameterError as problem:
        raise ParameterError(f'{path}: {problem}') from problem


def scenario_from(content: Any, base: Scenario | None = None) -> Scenario:
    """`base` (the defaults) with what a YAML file says. Raises ParameterError naming the field."""
    return _changed(base or Scenario(), content, '')


def _changed(base: _Values, content: Any, prefix: str) -> _Values:
    if not isinstance(content, dict):
        raise ParameterError(
            f'{prefix.rstrip(".") or "a scenario"} must map fields to values, got {_kind(content)}'
        )
    known = {field.name for field in dataclasses.fields(base)}  # type: ignore[arg-type]
    changes = {}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), sorted(known), 1)
            hint = f'did you mean {near[0]}?' if near else f'known are {", ".join(sorted(known))}'
            raise ParameterError(f'{prefix}{key} is unknown; {hint}')
        current = getattr(base, key)
        if dataclasses.is_dataclass(current):
            changes[key] = _changed(current, value, f'{prefix}{key}.')
        else:
            changes[key] = _typed(value, current, f'{prefix}{key}')
    try:
        return dataclasses.replace(base, **changes)  # type: ignore[type-var]
    except ParameterError as problem:
        raise ParameterError(f'{prefix}{problem}') from problem


def _typed(value: Any, like: Any, name: str) -> Any:
    """The value in the type of the default."""
    if isinstance(like, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ParameterError(f'{name} must be a list of words, got {_kind(value)}')
        return tuple(value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        wanted = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'text'}
        raise ParameterError(f'{name} must be {wanted[type(like)]}, got {_kind(value)}')
    return value


def _kind(value: Any) -> str:
    return f'{value!r} ({type(value).__name__})' if value is not None else 'nothing'
