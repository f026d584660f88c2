"""One declaration per tunable number: default, unit, range and description stand together.

Stages hold their parameters as frozen dataclasses whose fields are made by `parameter`; `config.py`
composes them into one tree, the node declares the tree with ROS, and YAML files are checked
against it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from prediction_node.domain.errors import ParameterError


def parameter(
    default: Any,
    description: str,
    *,
    unit: str = '',
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    fixed_after_configure: bool = False,
) -> Any:
    """A dataclass field that knows its unit, inclusive range and meaning.

    `default` is a bool, int, float, str, or tuple of one of them.
    """
    return dataclasses.field(
        default=default,
        metadata={
            'description': description,
            'unit': unit,
            'low': low,
            'high': high,
            'choices': choices,
            'fixed_after_configure': fixed_after_configure,
        },
    )


def check(values: Any, prefix: str = '') -> None:
    """Raise ParameterError naming the first field of a parameter dataclass that breaks its
    declaration.

    Call it from `__post_init__`: `parameter.check(self)`.
    """
    for field in dataclasses.fields(values):
        if 'low' not in field.metadata:
            continue
        name = f'{prefix}{field.name}'
        value = getattr(values, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            _check_one(name, item, field.metadata)


def _check_one(name: str, value: Any, metadata: Any) -> None:
    low, high, choices = metadata['low'], metadata['high'], metadata['choices']
    if isinstance(value, float) and value != value:
        raise ParameterError(f'{name} must be a number, got nan')
    if low is not None and value < low:
        raise ParameterError(
            f'{name} must be >= {low} {metadata["unit"]}'.rstrip() + f', got {value}'
        )
    if high is not None and value > high:
        raise ParameterError(
            f'{name} must be <= {high} {metadata["unit"]}'.rstrip() + f', got {value}'
        )
    if choices and value not in choices:
        raise ParameterError(f'{name} must be one of {", ".join(choices)}, got {value!r}')
