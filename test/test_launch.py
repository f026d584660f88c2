"""Launch files and what they refer to. PyPI has no launch, so they are read here, not run."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import yaml

from prediction_node import config

REPOSITORY = Path(__file__).resolve().parent.parent
LAUNCH_FILES = sorted((REPOSITORY / 'launch').glob('*.launch.py'))


def strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


@pytest.mark.parametrize('path', LAUNCH_FILES, ids=lambda p: p.name)
def test_it_defines_what_launch_calls_and_refers_to_files_that_exist(path: Path) -> None:
    functions = {n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)}
    assert 'generate_launch_description' in functions
    for name in strings(path):
        if name.endswith('.yaml') and ' ' not in name:
            assert (REPOSITORY / 'config' / name).is_file(), name
        if name.endswith('.launch.py') and ' ' not in name and '\n' not in name:
            assert (REPOSITORY / 'launch' / name).is_file(), name


def test_arguments_passed_on_are_arguments_declared() -> None:
    declared = strings(REPOSITORY / 'launch' / 'prediction.launch.py')
    for path in LAUNCH_FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == 'launch_arguments':
                keys = {k.value for d in ast.walk(node) if isinstance(d, ast.Dict) for k in d.keys}
                assert keys
                assert keys <= declared


def test_what_is_not_given_leaves_the_parameter_file_alone() -> None:
    # An empty map.path after the file would win over the one in it.
    source = (REPOSITORY / 'launch' / 'prediction.launch.py').read_text()
    tree = ast.parse(source)
    guarded = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.If)]
    assert any("parameters['map.path'] = map_path" in each for each in guarded)
    assert source.count("'map.path'") == 1
    autoware = strings(REPOSITORY / 'launch' / 'autoware.launch.py')
    assert 'params_file' in autoware


def test_the_autoware_file_is_a_configuration() -> None:
    tree = config.load_yaml(REPOSITORY / 'config' / 'autoware.yaml')
    assert [s.name for s in tree.sources] == ['tracking']
    assert tree.topics.odometry == '/localization/kinematic_state'


def test_viewers_look_at_topics_the_node_publishes() -> None:
    source = (REPOSITORY / 'prediction_node' / 'ros' / 'outputs.py').read_text()
    rviz = yaml.safe_load((REPOSITORY / 'config' / 'prediction.rviz').read_text())
    topics = [
        d['Topic']['Value'] for d in rviz['Visualization Manager']['Displays'] if 'Topic' in d
    ]
    foxglove = json.loads((REPOSITORY / 'config' / 'foxglove_layout.json').read_text())
    topics += list(foxglove['configById']['3D!scene']['topics'])
    topics += [
        path['value'].rpartition('.')[0]
        for path in foxglove['configById']['Plot!response']['paths']
    ]
    assert len(topics) == 4
    for topic in topics:
        assert topic.replace('/prediction/', '~/') in source, topic
