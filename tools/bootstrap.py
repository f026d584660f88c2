"""Make what is missing of the environment in .venv, then run a command in it.

    python3 -m tools.bootstrap TARGET [--python PYTHON] [-- ARGUMENTS OF .venv/bin/python ...]

Targets: demo (replay needs no ROS), ros (rclpy and the message packages of interfaces/), av2 (the
Argoverse importer), simulate (the simulated city), hil (it and ROS), cluster (it on many machines),
train (torch and Lightning), tensorrt (engines for GPUs), test (all of it). A finished step leaves a
stamp with the digest of what it was made from, so a second run starts at once, a changed lock is
installed, and an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import interfaces, machine
from tools.progress import Step, StepFailed, run
from tools.stamps import Stamps, digest_of, only_one

ROOT = Path(__file__).resolve().parent.parent
# Part of every digest: to be raised when the steps below do something else from the same inputs.
VERSION = '1'
KERNEL_MARK = '@compiled'
# Space taken while and after a step runs, measured and rounded up.
NEEDED_BYTES = {
    'environment': 50_000_000,
    'runtime': 900_000_000,
    'ros': 600_000_000,
    'interfaces': 400_000_000,
    'av2': 400_000_000,
    'simulation': 600_000_000,
    'cluster': 400_000_000,
    'training': 3_000_000_000,
    'tensorrt': 500_000_000,
    'test': 900_000_000,
    'kernels': 50_000_000,
}
TARGETS = {
    'demo': ('environment', 'runtime', 'kernels'),
    'av2': ('environment', 'runtime', 'av2'),
    'ros': ('environment', 'runtime', 'kernels', 'ros', 'interfaces'),
    'simulate': ('environment', 'runtime', 'simulation'),
    'cluster': ('environment', 'runtime', 'simulation', 'cluster'),
    'train': ('environment', 'runtime', 'kernels', 'training'),
    'tensorrt': ('environment', 'runtime', 'kernels', 'tensorrt'),
    'hil': ('environment', 'runtime', 'kernels', 'simulation', 'ros', 'interfaces'),
    'test': (
        *('environment', 'runtime', 'kernels', 'simulation', 'cluster'),
        *('training', 'tensorrt', 'ros', 'test', 'interfaces'),
    ),
}
TITLES = {
    'environment': 'Python environment in .venv',
    'runtime': 'libraries of the core',
    'kernels': 'compiled kernels',
    'ros': 'ROS 2 Jazzy from PyPI',
    'interfaces': 'message packages of interfaces/',
    'av2': 'reader of Argoverse logs',
    'simulation': 'SUMO, the simulated city',
    'cluster': 'Ray, for many machines',
    'training': 'torch and Lightning',
    'tensorrt': 'TensorRT for RTX',
    'test': 'test tools',
}


@dataclass(frozen=True)
class Checkout:
    """The paths of one checkout."""

    root: Path

    @property
    def environment(self) -> Path:
        return self.root / '.venv'

    @property
    def python(self) -> Path:
        return self.environment / 'bin' / 'python'

    @property
    def scratch(self) -> Path:
        return self.root / 'build' / 'bootstrap'

    @property
    def stamps(self) -> Stamps:
        return Stamps(self.environment / 'bootstrap')

    def lock(self, name: str) -> Path:
        return self.root / 'requirements' / f'{name}.txt'


def digests(checkout: Checkout, steps: Sequence[str]) -> dict[str, str]:
    """The digest each step should have been made from, its prerequisites' included."""
    base = digest_of((VERSION, str(checkout.root), *_identity(checkout.python)))
    found = {}
    for step in steps:
        if step == 'environment':
            found[step] = base
        elif step == 'interfaces':
            sources = (checkout.root / 'interfaces', checkout.lock('ros'))
            found[step] = digest_of((step, base), sources, checkout.root)
        elif step == 'kernels':
            modules = (checkout.lock('runtime'), *kernel_modules(checkout))
            found[step] = digest_of((step, base), modules, checkout.root)
        else:
            found[step] = digest_of((step, base), (checkout.lock(step),), checkout.root)
    return found


def kernel_modules(checkout: Checkout) -> list[Path]:
    """The modules whose functions become machine code."""
    package = checkout.root / 'prediction_node'
    return [
        path
        for path in sorted(package.rglob('*.py'))
        if KERNEL_MARK in path.read_text(encoding='utf-8')
    ]


def _identity(python: Path) -> tuple[str, ...]:
    """What changes when the interpreter behind .venv is replaced; empty if it is gone."""
    try:
        real = python.resolve(strict=True)
        facts = real.stat()
    except OSError:
        return ()
    return (str(real), str(facts.st_size), str(facts.st_mtime_ns))


def stale_steps(checkout: Checkout, target: str, wanted: str | None = None) -> list[str]:
    """Steps of the target that are still to be done, in order."""
    steps = TARGETS[target]
    expected = digests(checkout, steps)
    stamps = checkout.stamps
    if not _identity(checkout.python) or not stamps.is_fresh(
        'environment', expected['environment']
    ):
        return list(steps)
    if wanted is not None:
        asked = machine.probe(wanted)
        if asked is None or list(asked.version) != stamps.read('environment').get('version'):
            return list(steps)
    return [step for step in steps if not stamps.is_fresh(step, expected[step])]


def usable_environment(checkout: Checkout, wanted: str | None) -> machine.Interpreter | None:
    """The Python of .venv if it is whole, made at this path, supported, and the one wanted."""
    python = machine.probe(str(checkout.python))
    if python is None or not python.supported:
        return None
    if wanted is not None:
        asked = machine.probe(wanted)
        if asked is None or asked.version != python.version:
            return None
    try:
        script = (checkout.environment / 'bin' / 'pip').read_text(encoding='utf-8')
        code = 'import pip, sys; print(sys.prefix)'
        done = subprocess.run([str(checkout.python), '-c', code], capture_output=True, text=True)
    except OSError:
        return None
    made_here = script.startswith(f'#!{checkout.environment}/')
    return python if made_here and done.stdout.strip() == str(checkout.environment) else None


def make_environment(
    checkout: Checkout, python: machine.Interpreter, step: Step, log: Path
) -> None:
    """A new .venv in place of what may be there."""
    if checkout.environment.exists():
        shutil.rmtree(checkout.environment)
    command = [python.executable, '-m', 'venv', str(checkout.environment)]
    environ = machine.clean_environment(os.environ, checkout.environment)
    run(command, environ=environ, log=log, step=step)


def install_lock(checkout: Checkout, name: str, step: Step, log: Path) -> None:
    """Install a lock, exactly. What a killed run left half installed is installed anew."""
    drop_half_installed(checkout)
    lines = checkout.lock(name).read_text(encoding='utf-8').splitlines()
    builders = [line for line in lines if line.startswith('setuptools==')]
    pip = [str(checkout.python), '-m', 'pip', 'install', '--disable-pip-version-check']
    pip += ['--no-deps', '--progress-bar', 'off']
    environ = machine.clean_environment(os.environ, checkout.environment)
    summarise = PipActivity(sum(1 for line in lines if '==' in line))
    if builders:
        # A package without a wheel is built with the locked setuptools, not with the newest.
        run([*pip, *builders], environ=environ, log=log, step=step, summarise=summarise)
        pip.append('--no-build-isolation')
    command = [*pip, '--requirement', str(checkout.lock(name))]
    run(command, environ=environ, log=log, step=step, summarise=summarise)


def compile_kernels(checkout: Checkout, step: Step, log: Path) -> None:
    """Once, half a minute; where they cannot be kept on disk each start would pay for it."""
    command = [str(checkout.python), '-m', 'prediction_node.rehearsal']
    environ = machine.clean_environment(os.environ, checkout.environment)
    environ['PYTHONPATH'] = str(checkout.root)
    run(command, environ=environ, log=log, step=step)


def drop_half_installed(checkout: Checkout) -> None:
    """pip writes INSTALLER once all files are in place; without it a package is not whole."""
    for facts in checkout.environment.glob('lib/python3*/site-packages/*.dist-info'):
        if not (facts / 'INSTALLER').is_file():
            shutil.rmtree(facts)


class PipActivity:
    """What pip does, from its lines: `12/27 scipy-1.17.1... (35 MB)`."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._seen = 0

    def __call__(self, line: str) -> str:
        words = line.split()
        if len(words) > 1 and words[0] in ('Collecting', 'Requirement'):
            self._seen += 1
            name = words[1] if words[0] == 'Collecting' else words[-1]
            return f'{min(self._seen, self._count)}/{self._count} {name.partition("==")[0]}'
        if len(words) > 1 and words[0] == 'Downloading':
            name = words[1].rpartition('/')[2]
            return f'{min(self._seen, self._count)}/{self._count} {name} {" ".join(words[2:])}'
        if line.startswith('Installing collected packages'):
            return f'unpacking {line.count(",") + 1} packages'
        return ''


def set_up(checkout: Checkout, target: str, wanted: str | None) -> None:
    """Do the stale steps of the target. Raises Unready or StepFailed."""
    if not stale_steps(checkout, target, wanted):
        return
    with only_one(checkout.scratch / 'lock'):
        stale = stale_steps(checkout, target, wanted)
        if not stale:
            return
        kept = usable_environment(checkout, wanted)
        if kept is None:
            stale = list(TARGETS[target])
        python = kept or machine.find_python(machine.python_commands(wanted))
        if 'interfaces' in stale:
            machine.check_build_tools(python.include)
        machine.check_disk(checkout.root, sum(NEEDED_BYTES[step] for step in stale))
        for number, name in enumerate(stale, 1):
            checkout.stamps.forget(name)
            log = checkout.scratch / f'{name}.log'
            log.unlink(missing_ok=True)
            with Step(number, len(stale), TITLES[name]) as step:
                if name == 'environment':
                    if kept is None:
                        make_environment(checkout, python, step, log)
                elif name == 'kernels':
                    compile_kernels(checkout, step, log)
                elif name == 'interfaces':
                    interfaces.build(
                        checkout.environment,
                        checkout.root / 'interfaces',
                        checkout.scratch,
                        step,
                        log,
                    )
                else:
                    install_lock(checkout, name, step, log)
                seconds = round(step.elapsed_s, 1)
            digest = digests(checkout, (name,))[name]
            checkout.stamps.record(name, digest, seconds=seconds, version=list(python.version))


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    execute: Callable[[str, list[str], dict[str, str]], object] = os.execve,
) -> int:
    """Set the target up, then become the command, if given. Returns 1 if the machine is unready."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    if '--' in words:
        command = words[words.index('--') + 1 :]
        words = words[: words.index('--')]
    parser = argparse.ArgumentParser(
        prog='tools.bootstrap', description='set up .venv for a target'
    )
    parser.add_argument('target', choices=sorted(TARGETS))
    parser.add_argument(
        '--python', default=environ.get('PYTHON') or None, help='interpreter to use'
    )
    parser.add_argument('--quiet', action='store_true', help='no note about a sourced ROS 2')
    options = parser.parse_args(words)
    checkout = Checkout(ROOT)
    notice = machine.ros_notice(environ)
    if notice and not options.quiet:
        print(notice, file=sys.stderr)
    try:
        set_up(checkout, options.target, options.python)
    except (machine.Unready, StepFailed) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except OSError as error:
        # A full or read-only disk can stop us at any file.
        print(f'error: {error.strerror}: {error.filename or checkout.root}.', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted: run the same command to go on', file=sys.stderr)
        return 130
    if command:
        cleaned = machine.clean_environment(environ, checkout.environment)
        execute(str(checkout.python), [str(checkout.python), *command], cleaned)
    return 0


if __name__ == '__main__':
    sys.exit(main())
