"""Trees of parameter dataclasses from nested mappings, as YAML files hold them."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any, TypeVar

from prediction_node.domain.errors import ParameterError

_Values = TypeVar('_Values')


def changed(base: _Values, content: Any, prefix: str = '') -> _Values:
    """`base` with the values of a nested mapping; what it does not name stays.

    A whole number may stand for a float, nothing else is bent. Raises ParameterError naming the
    key for unknown names, wrong types and broken ranges.
    """
    where = prefix.rstrip('.') or 'the file'
    if not isinstance(content, dict):
        raise ParameterError(f'{where} must map names to values, got {content!r:.60}')
    known = [field.name for field in dataclasses.fields(base)]  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f'did you mean {close[0]!r}?' if close else f'known are {", ".join(known)}'
            raise ParameterError(f'{prefix}{key} is unknown; {hint}')
        current = getattr(base, key)
        if dataclasses.is_dataclass(current):
            changes[key] = changed(current, value, f'{prefix}{key}.')
        else:
            changes[key] = _typed(value, current, f'{prefix}{key}')
    return dataclasses.replace(base, **changes)  # type: ignore[type-var]


def _typed(value: Any, like: Any, name: str) -> Any:
    """The value in the type of the default."""
    if isinstance(like, tuple):
        if not isinstance(value, list):
            raise ParameterError(f'{name} must be a list, got {value!r}')
        return tuple(_typed(item, like[0], name) if like else item for item in value)
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise ParameterError(f'{name} must be a {type(like).__name__}, got {value!r}')
    return value
