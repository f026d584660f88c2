"""package.xml, setup.py and the locks say what is true of the tree."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest import mock

import pytest

from tools import architecture

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / 'requirements').glob('*.txt'))
LOCK_LINE = re.compile(
    r'[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*'
    r'(; python_version (<|>=|==) "3\.\d+")?'
)
# Checked against rosdistro: rosdep/python.yaml, and the released packages of Jazzy.
ROSDEP_KEYS = frozenset(
    {'python3-numba', 'python3-numpy', 'python3-opencv', 'python3-pytest', 'python3-rich'}
    | {'python3-scipy', 'python3-yaml', 'ament_index_python', 'launch', 'launch_ros', 'rclpy'}
    | {'builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs', 'nav_msgs'}
    | {'radar_msgs', 'rcl_interfaces', 'rosgraph_msgs', 'sensor_msgs', 'std_msgs', 'std_srvs'}
    | {'tf2_msgs', 'unique_identifier_msgs', 'vision_msgs', 'visualization_msgs'}
    | {'autoware_internal_debug_msgs', 'autoware_internal_planning_msgs', 'autoware_map_msgs'}
    | {'autoware_perception_msgs', 'autoware_planning_msgs'}
)
# What `import x` is called in the locks, where the names differ.
DISTRIBUTIONS = {
    'backports': 'backports-zstd',
    'cv2': 'opencv-python-headless',
    'sumo': 'eclipse-sumo',
    'tensorrt_rtx': 'tensorrt-rtx',
    'yaml': 'pyyaml',
}
# Compiled against the CUDA of the machine, or part of its system: in no lock.
OF_THE_GPU = frozenset({'tensorrt', 'pycuda'})
# ... and in rosdep.
ROSDEP_NAMES = {'cv2': 'python3-opencv', 'yaml': 'python3-yaml'}


@pytest.fixture(scope='module')
def manifest() -> ET.Element:
    return ET.parse(ROOT / 'package.xml').getroot()


def dependencies(manifest: ET.Element) -> set[str]:
    return {e.text or '' for e in manifest if e.tag.endswith('depend')}


def pins(lock: Path) -> dict[str, set[str]]:
    """{package: its lines' versions and markers} of one lock."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text(encoding='utf-8').splitlines():
        name, _, rest = line.partition('==')
        found.setdefault(name, set()).add(rest)
    return found


def third_party() -> set[str]:
    """Libraries that prediction_node imports and that are neither ROS nor Python's own."""
    names = {each.imported.split('.')[0] for each in architecture.imports_of(ROOT)}
    ours = {architecture.PACKAGE, *sys.stdlib_module_names}
    # Only in the standard library from Python 3.14 on; imported where it exists.
    ours.add('compression')
    return {name for name in names - ours if not architecture.is_ros(name)}


def setup_arguments() -> dict[str, object]:
    """What setup.py hands to setuptools, without doing it."""
    with mock.patch('setuptools.setup') as setup:
        runpy.run_path(str(ROOT / 'setup.py'))
    arguments: dict[str, object] = setup.call_args.kwargs
    return arguments


def test_package_xml_is_format_3_for_ament_python(manifest: ET.Element) -> None:
    assert manifest.tag == 'package'
    assert manifest.get('format') == '3'
    assert manifest.findtext('name') == architecture.PACKAGE
    assert manifest.findtext('license') == 'Apache-2.0'
    assert manifest.findtext('export/build_type') == 'ament_python'
    maintainer = manifest.find('maintainer')
    assert maintainer is not None
    assert maintainer.get('email', '').endswith('.example.org')


def test_package_xml_names_only_real_rosdep_keys(manifest: ET.Element) -> None:
    assert dependencies(manifest) - ROSDEP_KEYS == set()


def test_package_xml_names_every_ros_package_that_is_imported(manifest: ET.Element) -> None:
    names = {each.imported.split('.')[0] for each in architecture.imports_of(ROOT)}
    assert {name for name in names if architecture.is_ros(name)} - dependencies(manifest) == set()


def test_package_xml_names_every_definition_of_interfaces(manifest: ET.Element) -> None:
    defined = {path.parent.name for path in ROOT.glob('interfaces/*/package.xml')}
    assert defined
    assert defined - dependencies(manifest) == set()


def test_one_version_everywhere(manifest: ET.Element) -> None:
    version = setup_arguments()['version']
    assert manifest.findtext('version') == version
    changelog = (ROOT / 'CHANGELOG.rst').read_text(encoding='utf-8')
    newest = re.search(r'^(\d+\.\d+\.\d+) \((forthcoming|\d{4}-\d\d-\d\d)\)\n-+$', changelog, re.M)
    assert newest is not None
    assert newest.group(1) == version


def test_setup_installs_files_that_exist() -> None:
    pairs = setup_arguments()['data_files']
    assert isinstance(pairs, list)
    sources = [source for _, files in pairs for source in files]
    assert [source for source in sources if not (ROOT / source).is_file()] == []
    targets = dict(pairs)
    assert targets['share/ament_index/resource_index/packages'] == ['resource/prediction_node']
    assert 'package.xml' in targets['share/prediction_node']
    installed = set(sources)
    for folder in ('launch', 'config', 'samples', 'models'):
        there = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        }
        assert there - installed == set(), folder
    definitions = {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob('interfaces/*/msg/*.msg')
    }
    assert definitions - installed == set()


def test_files_beside_modules_are_installed() -> None:
    patterns = setup_arguments()['package_data']
    assert isinstance(patterns, dict)
    beside = [
        path
        for path in (ROOT / architecture.PACKAGE).rglob('*')
        if path.is_file() and path.suffix != '.py' and '__pycache__' not in path.parts
    ]
    left_out = [path for path in beside if not any(path.match(p) for p in patterns[''])]
    assert left_out == []
    assert [path for path in beside if not (path.parent / '__init__.py').is_file()] == []


def test_executables_lie_where_ros2_run_looks_and_their_functions_exist() -> None:
    settings = (ROOT / 'setup.cfg').read_text(encoding='utf-8')
    assert 'install_scripts=$base/lib/prediction_node' in settings
    entry_points = setup_arguments()['entry_points']
    assert isinstance(entry_points, dict)
    executables = dict(line.split(' = ') for line in entry_points['console_scripts'])
    assert set(executables) == {'prediction', 'replay'}
    for target in executables.values():
        module, _, function = target.partition(':')
        source = (ROOT / module.replace('.', '/')).with_suffix('.py').read_text(encoding='utf-8')
        defined = {n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}
        assert function in defined, target


@pytest.mark.parametrize('lock', LOCKS, ids=lambda lock: lock.name)
def test_locks_hold_plain_versions_alone(lock: Path) -> None:
    lines = lock.read_text(encoding='utf-8').splitlines()
    assert lines
    assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == []


@pytest.mark.parametrize('lock', LOCKS, ids=lambda lock: lock.name)
def test_a_lock_covers_what_its_list_asks_for(lock: Path) -> None:
    wishes = lock.with_suffix('.in').read_text(encoding='utf-8').splitlines()
    names = {re.split(r'[\[<>=]', line)[0].lower() for line in wishes if line and line[0] != '#'}
    names = {DISTRIBUTIONS.get(name, name) for name in names}
    assert names - set(pins(lock)) == set()


def test_locks_of_one_environment_agree() -> None:
    """Installing one after the other must not change what the former installed."""
    versions: dict[str, set[str]] = {}
    for name in (
        *('runtime', 'ros', 'test', 'av2', 'simulation', 'cluster', 'training'),
        'tensorrt',
    ):
        for package, lines in pins(ROOT / 'requirements' / f'{name}.txt').items():
            for line in lines:
                version, _, marker = line.partition(';')
                if '< "3.11"' not in marker:
                    versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_every_import_is_locked() -> None:
    locked = {
        package
        for name in ('runtime', 'av2', 'simulation', 'cluster', 'training', 'tensorrt')
        for package in pins(ROOT / 'requirements' / f'{name}.txt')
    }
    names = third_party() - OF_THE_GPU
    assert {name for name in names if DISTRIBUTIONS.get(name, name) not in locked} == set()


def test_every_import_of_the_tests_is_locked() -> None:
    names = set()
    for folder in ('test', 'tools'):
        for path in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split('.')[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.split('.')[0])
    # A script of the tests finds the modules beside it.
    beside = {path.stem for path in (ROOT / 'test').glob('*.py')}
    ours = {architecture.PACKAGE, 'tools', *beside, *sys.stdlib_module_names}
    foreign = {name for name in names - ours if not architecture.is_ros(name)}
    locked = {
        package
        for name in ('runtime', 'simulation', 'cluster', 'training', 'tensorrt', 'test')
        for package in pins(ROOT / 'requirements' / f'{name}.txt')
    }
    assert {name for name in foreign if DISTRIBUTIONS.get(name, name) not in locked} == set()


def test_nothing_is_asked_for_that_is_not_imported() -> None:
    """A demo on a fresh machine waits for each of these."""
    wishes = (ROOT / 'requirements/runtime.in').read_text(encoding='utf-8').split()
    imported = {DISTRIBUTIONS.get(name, name) for name in third_party()}
    assert set(wishes) - imported == set()


def test_a_vehicle_gets_every_import_from_rosdep_or_its_lock(manifest: ET.Element) -> None:
    keys, locked = dependencies(manifest), pins(ROOT / 'requirements/vehicle.txt')
    # Reading Argoverse logs, simulating cities and learning are matters of the desk, not of the
    # vehicle.
    desk = {'pandas', 'pyarrow', 'sumo', 'libsumo', 'sumolib', 'traci', 'ray'}
    # TensorRT and what builds its engines are installed where there is a GPU.
    desk |= OF_THE_GPU | {'tensorrt_rtx'}
    desk |= {'torch', 'lightning', 'onnx', 'onnxscript', 'safetensors', 'matplotlib', 'tensorboard'}
    missing = {
        name
        for name in third_party() - desk
        if ROSDEP_NAMES.get(name, f'python3-{name}') not in keys
        and DISTRIBUTIONS.get(name, name) not in locked
    }
    assert missing == set()


def test_the_vehicle_keeps_the_numpy_of_its_distribution() -> None:
    assert 'numpy' not in pins(ROOT / 'requirements/vehicle.txt')


def test_every_library_is_explained() -> None:
    explained = (ROOT / 'docs/dependencies.md').read_text(encoding='utf-8').lower()
    wishes = [
        re.split(r'[\[<>=]', line)[0].lower()
        for path in (ROOT / 'requirements').glob('*.in')
        for line in path.read_text(encoding='utf-8').splitlines()
        if line and line[0] != '#'
    ]
    assert [name for name in wishes if f'`{name}`' not in explained] == []
