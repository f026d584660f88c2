"""What the set-up needs of this machine: a Python, a C++ compiler, disk space, clean variables.

Each check raises Unready with one sentence that names what is missing and how to get it. The
functions that look at the machine are arguments, so that tests can stand in for them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ((3, 11), (3, 12))
GIGABYTE = 10**9
# Set by a sourced ROS 2 workspace or an earlier Python environment; each would reach into ours.
FOREIGN_VARIABLES = (
    'AMENT_CURRENT_PREFIX',
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'COLCON_PREFIX_PATH',
    'PIP_PREFIX',
    'PIP_TARGET',
    'PIP_USER',
    'PYTHONHOME',
    'PYTHONPATH',
    'RMW_IMPLEMENTATION',
    'ROS_DISTRO',
    'ROS_PACKAGE_PATH',
    'ROS_PYTHON_VERSION',
    'ROS_VERSION',
)
PROBE = """\
import importlib.util, json, sys, sysconfig
print(json.dumps({
    'executable': sys.executable,
    'version': list(sys.version_info[:3]),
    'can_make_venvs': all(importlib.util.find_spec(m) is not None for m in ('venv', 'ensurepip')),
    'include': sysconfig.get_path('include'),
}))
"""


class Unready(Exception):
    """The machine lacks something; the message is the sentence to print."""


@dataclass(frozen=True)
class Interpreter:
    """A Python found on this machine. `include` is the folder of its C headers."""

    executable: str
    version: tuple[int, int, int]
    can_make_venvs: bool
    include: str

    @property
    def supported(self) -> bool:
        return self.version[:2] in SUPPORTED

    @property
    def dotted(self) -> str:
        return '.'.join(str(part) for part in self.version)


def probe(command: str) -> Interpreter | None:
    """The interpreter behind a command; None where none is or it does not run (a pyenv shim)."""
    path = shutil.which(command)
    if path is None:
        return None
    try:
        done = subprocess.run([path, '-c', PROBE], capture_output=True, text=True, timeout=60)
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    major, minor, micro = found['version']
    version = (major, minor, micro)
    return Interpreter(found['executable'], version, found['can_make_venvs'], found['include'])


def find_python(
    commands: Sequence[str], probe: Callable[[str], Interpreter | None] = probe
) -> Interpreter:
    """The first of the commands that is a supported Python able to make virtual environments."""
    found = [interpreter for interpreter in map(probe, commands) if interpreter is not None]
    supported = [interpreter for interpreter in found if interpreter.supported]
    for interpreter in supported:
        if interpreter.can_make_venvs:
            return interpreter
    if supported:
        name = 'python' + '.'.join(str(part) for part in supported[0].version[:2])
        raise Unready(
            f'{supported[0].executable} (Python {supported[0].dotted}) cannot make virtual '
            f'environments: install the package {name}-venv (sudo apt install {name}-venv).'
        )
    seen = (
        ', '.join(sorted({f'{i.executable} is {i.dotted}' for i in found})) or 'no Python was found'
    )
    raise Unready(
        f'prediction_node needs Python 3.11 or 3.12, but {seen}: install one of them '
        '(Debian 12 and Ubuntu 24.04: sudo apt install python3 python3-venv) or name it: '
        'make demo PYTHON=/path/to/python3.11.'
    )


def python_commands(wanted: str | None) -> list[str]:
    """Where to look: only the one the user names, else the running Python and the usual names."""
    if wanted is not None:
        return [wanted]
    return [sys.executable, *(f'python{a}.{b}' for a, b in SUPPORTED), 'python3']


def check_build_tools(
    include: str,
    which: Callable[[str], str | None] = shutil.which,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """A C and C++ compiler, make, and Python's headers: what building interfaces/ takes."""
    for variable, names in (('CXX', ('c++', 'g++', 'clang++')), ('CC', ('cc', 'gcc', 'clang'))):
        chosen = environ.get(variable)
        candidates = (chosen.split()[0],) if chosen and chosen.split() else names
        if not any(which(name) for name in candidates):
            what = 'C++ compiler' if variable == 'CXX' else 'C compiler'
            raise Unready(
                f'no {what} was found (looked for {", ".join(candidates)}): install one '
                '(sudo apt install g++).'
            )
    if which('make') is None:
        raise Unready('the program make was not found: install it (sudo apt install make).')
    if not (Path(include) / 'Python.h').is_file():
        raise Unready(
            f'the C headers of Python are missing ({include}/Python.h): install them '
            '(sudo apt install python3-dev).'
        )


def check_disk(
    folder: Path,
    needed_bytes: int,
    disk_usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
) -> None:
    """`folder` exists and its disk has `needed_bytes` free."""
    free = disk_usage(folder)[2]
    if free < needed_bytes:
        raise Unready(
            f'{folder} has {free / GIGABYTE:.1f} GB of free disk space, but the set-up needs '
            f'{needed_bytes / GIGABYTE:.1f} GB: free some and run the same command again.'
        )


def ros_notice(environ: Mapping[str, str]) -> str | None:
    """One sentence if a ROS 2 workspace is sourced, for it will not be used."""
    if 'AMENT_PREFIX_PATH' not in environ and 'ROS_DISTRO' not in environ:
        return None
    name = environ.get('ROS_DISTRO', 'workspace')
    return (
        f'note: a ROS 2 environment ({name}) is sourced here; .venv brings ROS from PyPI, '
        'so its variables are left out of what runs now.'
    )


def clean_environment(environ: Mapping[str, str], virtual_environment: Path) -> dict[str, str]:
    """The variables for our own processes: nothing of a sourced ROS, our programs come first."""
    prefixes = [p for p in environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    cleaned = {name: value for name, value in environ.items() if name not in FOREIGN_VARIABLES}
    for name in ('LD_LIBRARY_PATH', 'PATH'):
        entries = [e for e in cleaned.get(name, '').split(os.pathsep) if e]
        kept = [e for e in entries if not any(_is_below(e, prefix) for prefix in prefixes)]
        if kept:
            cleaned[name] = os.pathsep.join(kept)
        else:
            cleaned.pop(name, None)
    programs = str(virtual_environment / 'bin')
    cleaned['PATH'] = os.pathsep.join(p for p in (programs, cleaned.get('PATH', '')) if p)
    cleaned['VIRTUAL_ENV'] = str(virtual_environment)
    return cleaned


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
