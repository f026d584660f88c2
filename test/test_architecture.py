"""The layers hold: who may import whom, which library belongs where, no cycles, no god files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import architecture

ROOT = Path(__file__).resolve().parent.parent
LINE_LIMIT = 400


@pytest.fixture(scope='module')
def imports() -> list[architecture.Import]:
    return architecture.imports_of(ROOT)


def test_the_walk_sees_the_package(imports: list[architecture.Import]) -> None:
    importers = {each.importer for each in imports}
    assert {'prediction_node.cli', 'prediction_node.pipeline'} <= importers
    assert any(each.imported == 'numpy' for each in imports)


def test_units_import_only_what_their_layer_allows(imports: list[architecture.Import]) -> None:
    assert architecture.layer_violations(imports) == []


def test_libraries_stay_where_they_belong(imports: list[architecture.Import]) -> None:
    assert architecture.library_violations(imports) == []


def test_there_are_no_import_cycles(imports: list[architecture.Import]) -> None:
    assert architecture.cycles(imports) == []


def test_every_unit_has_a_layer() -> None:
    units = {architecture.unit_of(name) for name in architecture.module_names(ROOT)} - {''}
    assert {unit for unit in units if architecture.layer_of(unit) is None} == set()


def test_no_file_is_overlong() -> None:
    assert architecture.overlong_files(ROOT, LINE_LIMIT) == []


def test_compiled_functions_use_their_own_module_only() -> None:
    assert architecture.foreign_names(ROOT) == []


def test_every_module_parses_as_python_3_10() -> None:
    for path in architecture.module_names(ROOT).values():
        ast.parse(path.read_text(encoding='utf-8'), str(path), feature_version=(3, 10))


# The checker itself: each planted fault must be found.


def plant(root: Path, sources: dict[str, str]) -> list[architecture.Import]:
    """A package with the given modules ('domain/frames': source); its imports."""
    package = root / architecture.PACKAGE
    for name, source in sources.items():
        path = package / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding='utf-8')
    return architecture.imports_of(root)


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('domain/frames', 'from prediction_node.cdr.reading import Reader'),
        ('fusion/gate', 'import prediction_node.lanelet.load'),
        ('fusion/gate', 'def late():\n    from prediction_node import lanelet'),
        ('fusion/gate', 'from ..lanelet import load'),
        ('pipeline', 'from prediction_node.ros import node'),
        ('replay/run', 'from prediction_node.ros import node'),
        ('scene/build', 'import prediction_node.nowhere'),
    ],
)
def test_a_forbidden_edge_is_found(tmp_path: Path, module: str, source: str) -> None:
    imports = plant(tmp_path, {'lanelet/load': '', 'lanelet/__init__': '', module: source})
    assert len(architecture.layer_violations(imports)) == 1


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('pipeline', 'from prediction_node import fusion, config'),
        ('ros/node', 'import prediction_node.pipeline\nfrom prediction_node.cdr import reading'),
        ('cli', 'from prediction_node import __version__'),
        ('fusion/gate', 'from prediction_node.fusion import tracks\nfrom . import update'),
    ],
)
def test_an_allowed_edge_is_not(tmp_path: Path, module: str, source: str) -> None:
    imports = plant(tmp_path, {'fusion/__init__': '', 'config': '', module: source})
    assert architecture.layer_violations(imports) == []


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('domain/frames', 'import scipy.spatial'),
        ('pipeline', 'import rclpy'),
        ('replay/run', 'from autoware_perception_msgs.msg import PredictedObjects'),
        ('replay/run', 'from rcl_interfaces.msg import Parameter'),
        ('inference/onnx_engine', 'import torch'),
        ('inference/torch_model', 'import pycuda.driver'),
        ('config', 'import tomllib'),
        ('config', 'from enum import StrEnum'),
    ],
)
def test_a_misplaced_library_is_found(tmp_path: Path, module: str, source: str) -> None:
    assert len(architecture.library_violations(plant(tmp_path, {module: source}))) == 1


@pytest.mark.parametrize(
    ('module', 'source'),
    [
        ('domain/frames', 'import enum\nimport numpy as np'),
        ('ros/node', 'import rclpy\nfrom std_msgs.msg import Header'),
        ('inference/torch_model', 'import torch'),
        ('network/cnn', 'import torch.nn'),
    ],
)
def test_a_library_in_its_place_is_not(tmp_path: Path, module: str, source: str) -> None:
    assert architecture.library_violations(plant(tmp_path, {module: source})) == []


def test_a_cycle_of_modules_is_found(tmp_path: Path) -> None:
    sources = {
        'scene/a': 'from prediction_node.scene import b',
        'scene/b': 'import prediction_node.scene.c',
        'scene/c': 'def late():\n    from prediction_node.scene.a import x',
    }
    (loop,) = architecture.cycles(plant(tmp_path, sources))
    assert loop[0] == loop[-1]
    assert {name.rpartition('.')[2] for name in loop} == {'a', 'b', 'c'}


def test_a_cycle_of_units_is_found_where_no_module_is_in_one(tmp_path: Path) -> None:
    sources = {
        'scene/a': 'import prediction_node.raster.a',
        'raster/a': '',
        'raster/b': 'import prediction_node.scene.b',
        'scene/b': '',
    }
    assert architecture.cycles(plant(tmp_path, sources)) == [['raster', 'scene', 'raster']]


def test_an_overlong_file_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {'pipeline': 'x = 1\n' * (LINE_LIMIT + 1), 'config': 'x = 1\n' * LINE_LIMIT})
    assert architecture.overlong_files(tmp_path, LINE_LIMIT) == [
        f'prediction_node/pipeline.py: {LINE_LIMIT + 1} lines'
    ]


def test_what_a_kernel_takes_from_elsewhere_is_found(tmp_path: Path) -> None:
    header = 'from prediction_node.compiled import compiled\n'
    plant(
        tmp_path,
        {
            'fusion/motion': header + 'STATES = 7\n@compiled\ndef moved(x):\n    return x\n',
            'fusion/gate': header
            + 'from prediction_node.fusion.motion import STATES, moved\n'
            + '@compiled\ndef gated(x):\n    return moved(x) * STATES\n',
            'fusion/step': 'from prediction_node.fusion.motion import moved\n'
            'def step(x):\n    return moved(x)\n',
        },
    )
    assert architecture.foreign_names(tmp_path) == [
        'prediction_node.fusion.gate.gated: uses prediction_node.fusion.motion.STATES',
        'prediction_node.fusion.gate.gated: uses prediction_node.fusion.motion.moved',
    ]
