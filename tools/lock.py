"""Write requirements/*.txt (every package, exact versions) from requirements/*.in (our wishes).

    python3 tools/lock.py

Needs python3.10, python3.11 and python3.12 on the PATH: pip evaluates markers for the interpreter
it runs under, so each is asked in its own. All lists are resolved together first, so that a package
has one version in all locks; a version that differs between interpreters gets a marker.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / 'requirements'
MAIN = ('3.11', '3.12')
OLDEST = '3.10'
# The lists that are to agree on versions, and all lists with the interpreters they serve.
TOGETHER = ('runtime', 'ros', 'av2', 'simulation', 'cluster', 'tensorrt', 'test', 'vehicle')
LISTS: Mapping[str, Sequence[str]] = {
    'runtime': (OLDEST, *MAIN),
    'ros': MAIN,
    'av2': MAIN,
    'simulation': MAIN,
    'cluster': MAIN,
    # One interpreter is asked: torch brings other CUDA packages for each, which are left to pip.
    'training': ('3.11',),
    'tensorrt': MAIN,
    'test': MAIN,
    'vehicle': (OLDEST, *MAIN),
}
# A vehicle's numpy is the distribution's: its message packages are compiled against it.
FROM_ROSDEP = {'vehicle': frozenset({'numpy'})}

Pins = dict[str, str]


def merge(by_python: Mapping[str, Pins]) -> list[str]:
    """Lock lines from {'3.11': {'numpy': '2.4.6'}, ...}; markers only where versions differ."""
    lines = []
    for name in sorted({name for pins in by_python.values() for name in pins}):
        by_version: dict[str | None, list[str]] = {}
        for python, pins in by_python.items():
            by_version.setdefault(pins.get(name), []).append(python)
        for version, pythons in by_version.items():
            if version is None:
                continue
            marker = marker_for(pythons, list(by_python))
            lines.append(f'{name}=={version}' + (f'; {marker}' if marker else ''))
    return lines


def marker_for(pythons: Sequence[str], served: Sequence[str]) -> str:
    """The shortest marker true for `pythons` alone; both in ascending order."""
    if list(pythons) == list(served):
        return ''
    if list(pythons) == list(served[: len(pythons)]):
        return f'python_version < "{served[len(pythons)]}"'
    if list(pythons) == list(served[-len(pythons) :]):
        return f'python_version >= "{pythons[0]}"'
    return ' or '.join(f'python_version == "{python}"' for python in pythons)


def parse_report(report: str) -> Pins:
    """{name: version} from what `pip install --report` wrote. Names in PEP 503 form."""
    pins = {}
    for item in json.loads(report)['install']:
        metadata = item['metadata']
        name = metadata['name'].lower().replace('_', '-').replace('.', '-')
        # `+cpu` names a build of the same release, which not every index has.
        pins[name] = metadata['version'].partition('+')[0]
    return pins


def resolve(pip: Path, lists: Sequence[str], constraints: Pins) -> Pins:
    """What pip would install for the lists under the constraints."""
    with tempfile.TemporaryDirectory() as folder:
        limits = Path(folder) / 'constraints.txt'
        limits.write_text(''.join(f'{n}=={v}\n' for n, v in constraints.items()), encoding='utf-8')
        report = Path(folder) / 'report.json'
        command = [str(pip), 'install', '--quiet', '--dry-run', '--ignore-installed']
        command += ['--report', str(report), '--constraint', str(limits)]
        for name in lists:
            command += ['--requirement', str(REQUIREMENTS / f'{name}.in')]
        subprocess.run(command, check=True)
        return parse_report(report.read_text(encoding='utf-8'))


def main() -> int:
    pythons = {version: shutil.which(f'python{version}') for version in (OLDEST, *MAIN)}
    missing = [version for version, path in pythons.items() if path is None]
    if missing:
        print(f'error: python{missing[0]} is not on the PATH', file=sys.stderr)
        return 1
    resolved: dict[str, dict[str, Pins]] = {name: {} for name in LISTS}
    with tempfile.TemporaryDirectory() as folder:
        everything: Pins = {}
        for version in (*MAIN, OLDEST):
            environment = Path(folder) / version
            subprocess.run([str(pythons[version]), '-m', 'venv', str(environment)], check=True)
            pip = environment / 'bin' / 'pip'
            if version != OLDEST:
                # The first interpreter's versions bind the others, so that locks differ little.
                everything = resolve(pip, TOGETHER, everything) | everything
            limits = everything if version != OLDEST else {}
            for name, served in LISTS.items():
                if version in served:
                    print(f'python{version}: {name}', flush=True)
                    resolved[name][version] = resolve(pip, [name], limits)
    for name, by_python in resolved.items():
        ordered = {version: by_python[version] for version in LISTS[name]}
        left_out = FROM_ROSDEP.get(name, frozenset())
        lines = [line for line in merge(ordered) if line.partition('==')[0] not in left_out]
        text = '\n'.join(lines) + '\n'
        (REQUIREMENTS / f'{name}.txt').write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
