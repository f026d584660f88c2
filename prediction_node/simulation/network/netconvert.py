"""From plain XML to a SUMO network, by SUMO's own program."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from prediction_node.domain.errors import SimulationError

_LIMIT_S = 120.0
_CYCLE_S = 70
_OFFSET = re.compile(rb'(<tlLogic [^>]*offset=")[^"]*"')
_OPTIONS = (
    # The plan's metres stay the net's metres: they are the map frame.
    '--offset.disable-normalization=true',
    '--no-turnarounds=true',
    '--walkingareas=true',
    '--junctions.corner-detail=6',
    '--junctions.internal-link-detail=12',
    # Sideways acceleration in turns; drivers are seen to accept about this much.
    '--junctions.limit-turn-speed=2.5',
    f'--tls.cycle.time={_CYCLE_S}',
    '--tls.left-green.time=8',
    '--tls.yellow.time=4',
    '--tls.allred.time=2',
    '--precision=3',
    '--xml-validation=never',
    '--no-warnings=true',
)
# The file names itself by when and how it was written; the same city must have the same bytes.
_WRITTEN_WHEN = re.compile(rb'<!--.*?-->\s*', re.DOTALL)


def build_net(files: Mapping[str, Path], net: Path) -> None:
    """Run netconvert over plain files (option -> path). Raises SimulationError."""
    program = find_netconvert()
    command = [str(program), *_OPTIONS]
    command += [f'--{option}={path}' for option, path in files.items()]
    command.append(f'--output-file={net}')
    environment = {**os.environ, 'SUMO_HOME': str(program.parent.parent)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise SimulationError(f'netconvert did not finish {net} within {_LIMIT_S:g} s') from problem
    except OSError as problem:
        raise SimulationError(f'{program} cannot be run: {problem.strerror}') from problem
    if done.returncode != 0 or not net.is_file():
        raise SimulationError(f'netconvert could not build {net}: {_first_error(done.stderr)}')
    net.write_bytes(_WRITTEN_WHEN.sub(b'', net.read_bytes(), count=1))


def shift_programmes(net: Path, rng: np.random.Generator) -> None:
    """Let the signal programmes of a network begin at different places of their cycle."""

    def shifted(found: re.Match[bytes]) -> bytes:
        return b'%s%d"' % (found[1], rng.integers(_CYCLE_S))

    net.write_bytes(_OFFSET.sub(shifted, net.read_bytes()))


def find_netconvert() -> Path:
    """SUMO's program: of the eclipse-sumo package, of $SUMO_HOME, or on the path. Raises
    SimulationError.
    """
    folders = []
    package = importlib.util.find_spec('sumo')
    if package is not None and package.submodule_search_locations:
        folders += [Path(place) / 'bin' for place in package.submodule_search_locations]
    if os.environ.get('SUMO_HOME'):
        folders.append(Path(os.environ['SUMO_HOME']) / 'bin')
    for folder in folders:
        for name in ('netconvert', 'netconvert.exe'):
            if (folder / name).is_file():
                return folder / name
    found = shutil.which('netconvert')
    if found is None:
        raise SimulationError(
            'netconvert of Eclipse SUMO is missing: install it with pip install eclipse-sumo'
        )
    return Path(found)


def require_sumo() -> None:
    """Raise SimulationError unless SUMO's program and its library are there."""
    find_netconvert()
    if importlib.util.find_spec('libsumo') is None:
        raise SimulationError(
            'libsumo of Eclipse SUMO is missing: install it with pip install libsumo'
        )


def _first_error(stderr: str) -> str:
    """What netconvert says went wrong, in one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix('Error:').strip() for line in lines if line.startswith('Error:')]
    return (errors or lines or ['it gave no reason'])[0]
