"""Build the message packages of interfaces/ into a virtual environment that has rclpy from PyPI."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools import machine
from tools.progress import Step, StepFailed, run

# The wheels' CMake exports name include folders of the machine they were built on.
FOREIGN_NUMPY = re.compile(r'/opt/python/[^;"]*?/numpy/_core/include')
FOREIGN_PYTHON = re.compile(r'/opt/python/[^;"]*?/include/python3\.\d+')
FACTS = """\
import json, sysconfig, numpy
print(json.dumps([sysconfig.get_path('include'), numpy.get_include()]))
"""


def rewrite_exports(share: Path, python_include: str, numpy_include: str) -> int:
    """Point the exports below `share` at this machine's folders. Returns how many files changed."""
    changed = 0
    for file in share.glob('*/cmake/*.cmake'):
        text = file.read_text(encoding='utf-8')
        local = FOREIGN_NUMPY.sub(numpy_include, text)
        local = FOREIGN_PYTHON.sub(python_include, local)
        if local != text:
            file.write_text(local, encoding='utf-8')
            changed += 1
    return changed


def build(environment: Path, sources: Path, scratch: Path, step: Step, log: Path) -> None:
    """Generate, compile and install every package below `sources`, and import each.

    What an earlier build installed is removed first: a message taken out of interfaces/ must not
    linger. The build folder is kept when interrupted, and removed when done.
    """
    python = environment / 'bin' / 'python'
    environ = machine.clean_environment(os.environ, environment)
    facts = subprocess.run([str(python), '-c', FACTS], env=environ, capture_output=True, text=True)
    if facts.returncode != 0:
        raise StepFailed(
            f'numpy cannot be imported in {environment}: {facts.stderr.strip()[-200:]}'
        )
    rewrite_exports(environment / 'share', *json.loads(facts.stdout))

    manifest = environment / 'bootstrap' / 'interfaces.manifest'
    remove_listed(manifest, environment)
    environ.update(AMENT_PREFIX_PATH=str(environment), CMAKE_PREFIX_PATH=str(environment))
    work = scratch / 'interfaces'
    discard_foreign_build(work, environment)
    packages = sorted(path.parent.name for path in sources.glob('*/package.xml'))
    command = [str(environment / 'bin' / 'colcon'), '--log-base', str(scratch / 'colcon'), 'build']
    command += ['--base-paths', str(sources), '--build-base', str(work)]
    command += ['--merge-install', '--install-base', str(environment), '--cmake-args']
    command += [
        f'-DPython3_EXECUTABLE={python}',
        '-DCMAKE_BUILD_TYPE=Release',
        '-DBUILD_TESTING=OFF',
    ]
    run(command, environ=environ, log=log, step=step, summarise=ColconActivity(len(packages)))
    write_manifest(manifest, work)

    imports = '; '.join(f'import {package}.msg' for package in packages)
    run([str(python), '-c', imports], environ=environ, log=log, step=step)
    shutil.rmtree(work)


def write_manifest(manifest: Path, work: Path) -> None:
    """Join what each package's installation lists."""
    lists = sorted(work.glob('*/install_manifest.txt'))
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(
        '\n'.join(file.read_text(encoding='utf-8') for file in lists), encoding='utf-8'
    )


def remove_listed(manifest: Path, environment: Path) -> None:
    """Remove the files of an earlier build that lie in the environment, and emptied folders.

    An emptied Python package would still be importable, as a namespace.
    """
    if not manifest.is_file():
        return
    listed = [Path(line) for line in manifest.read_text(encoding='utf-8').split('\n') if line]
    removed = [path for path in listed if path.is_relative_to(environment)]
    for path in removed:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in removed}:
        shutil.rmtree(folder / '__pycache__', ignore_errors=True)
    # The deepest first, so that a folder of emptied folders is empty when its turn comes.
    folders = {parent for path in removed for parent in path.parents if parent != environment}
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        if folder.is_relative_to(environment):
            with contextlib.suppress(OSError):
                folder.rmdir()
    manifest.unlink()


def discard_foreign_build(work: Path, environment: Path) -> None:
    """CMake refuses the cache of another place; an interrupted build of this place is resumed."""
    owner = work / 'environment'
    if not owner.is_file() or owner.read_text(encoding='utf-8') != str(environment):
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    owner.write_text(str(environment), encoding='utf-8')


class ColconActivity:
    """What colcon does, from its lines: `3/8 packages, vision_msgs`."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._finished = 0
        self._running: Sequence[str] = ()

    def __call__(self, line: str) -> str:
        words = line.split()
        if len(words) < 3 or words[1] not in ('>>>', '<<<'):
            return ''
        if words[0] == 'Starting':
            self._running = (*self._running, words[2])
        else:
            self._running = tuple(name for name in self._running if name != words[2])
            self._finished += 1
        return f'{self._finished}/{self._count} built, now {", ".join(self._running) or "none"}'
