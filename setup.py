"""Install the package for colcon (ament_python) or pip."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = 'prediction_node'
# Folders that travel with the package, each with the files of it that do.
SHARED = {
    'launch': ('*.launch.py',),
    'config': ('*',),
    'samples': ('*',),
    'models': ('*',),
    # Only the definitions: replay reads them to write bags. They are built from the source tree.
    'interfaces': ('*/msg/*.msg',),
}
# Files beside modules that are installed with them, in any package.
IN_PACKAGES = ('*.cu', '*.html', '*.yaml')
root = Path(__file__).resolve().parent


def data_files() -> list[tuple[str, list[str]]]:
    """(installed folder, source files) pairs; sources relative to setup.py, as setuptools wants."""
    share = f'share/{PACKAGE}'
    pairs: dict[str, list[str]] = {
        'share/ament_index/resource_index/packages': [f'resource/{PACKAGE}'],
        share: ['package.xml'],
    }
    for folder, patterns in SHARED.items():
        for pattern in patterns:
            for path in sorted((root / folder).rglob(pattern)):
                if path.is_file() and '__pycache__' not in path.parts:
                    source = path.relative_to(root)
                    target = f'{share}/{source.parent.as_posix()}'
                    pairs.setdefault(target, []).append(source.as_posix())
    return list(pairs.items())


version_line = (root / PACKAGE / '__init__.py').read_text(encoding='utf-8')
version = re.search(r"^__version__ = '([^']+)'$", version_line, re.MULTILINE)
assert version is not None, 'prediction_node/__init__.py states no __version__'

setup(
    name=PACKAGE,
    version=version.group(1),
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={'': list(IN_PACKAGES)},
    data_files=data_files(),
    python_requires='>=3.10',
    install_requires=['setuptools'],
    zip_safe=False,
    author='prediction_node maintainers',
    maintainer='prediction_node maintainers',
    maintainer_email='maintainers@prediction-node.example.org',
    description='Motion prediction for self-driving vehicles on ROS 2',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'prediction = prediction_node.ros.node:main',
            'replay = prediction_node.cli:replay_main',
        ]
    },
)
