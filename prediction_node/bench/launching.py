"""What launch/hil.launch.py computes: launch files hold words, this makes a run of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from prediction_node.bench.run_file import prepare
from prediction_node.domain.errors import ParameterError
from prediction_node.simulation.faults.grammar import KILL

_SWITCH = {'true': True, 'false': False}


def prepare_from_words(words: Mapping[str, str]) -> Path:
    """Prepare the run that launch arguments describe; the folder it lies in.

    `words`: folder (empty: a new one), scenario, duration, seed, faults (apart by spaces), config,
    clock, planner and model (both may be left out). Raises ParameterError naming the argument, and
    what `prepare` raises.
    """
    faults = words['faults'].split()
    if any(text.startswith(KILL) for text in faults):
        raise ParameterError('faults: only the command `prediction_node hil` can kill the node')
    folder = Path(words['folder'] or tempfile.mkdtemp(prefix='hil_'))
    prepare(
        folder,
        words['scenario'],
        int(_number(words, 'seed')),
        _number(words, 'duration'),
        Path(words['config']) if words['config'] else None,
        faults,
        use_clock=_switch(words, 'clock'),
        planner=words.get('planner', 'kinematic'),
        model=words.get('model', ''),
    )
    return folder


def commands(folder: Path, json: str) -> dict[str, list[str]]:
    """Arguments of the interpreter for each process beside the node."""
    bench = {
        name: ['-m', f'prediction_node.ros.hil.{name}', str(folder)]
        for name in ('simulator', 'planner', 'monitor')
    }
    if json:
        bench['monitor'] += ['--json', json]
    return bench


def _number(words: Mapping[str, str], name: str) -> float:
    try:
        value = float(words[name])
    except ValueError:
        raise ParameterError(f'{name} must be a number, got {words[name]!r}') from None
    if not 0.0 <= value < 2**31:
        raise ParameterError(f'{name} must be 0 to {2**31 - 1}, got {words[name]}')
    return value


def _switch(words: Mapping[str, str], name: str) -> bool:
    if words[name] not in _SWITCH:
        raise ParameterError(f'{name} must be true or false, got {words[name]!r}')
    return _SWITCH[words[name]]
