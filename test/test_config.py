"""One declaration per number: tree, YAML file and flat names agree, and bad values are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from prediction_node import config
from prediction_node.domain.errors import ParameterError

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED = REPOSITORY / 'config' / 'prediction.yaml'


def test_the_shipped_file_is_the_defaults() -> None:
    assert SHIPPED.read_text() == config.to_yaml(), 'run `make config`'


def test_the_file_reads_back_as_the_tree() -> None:
    assert config.load_yaml(SHIPPED) == config.Config()


def test_every_leaf_is_described_and_within_its_own_range() -> None:
    leaves = config.declarations()
    assert len(leaves) > 50
    for leaf in leaves:
        assert leaf.description, leaf.name
        for value in leaf.default if isinstance(leaf.default, tuple) else (leaf.default,):
            if leaf.low is not None:
                assert value >= leaf.low, leaf.name
            if leaf.high is not None:
                assert value <= leaf.high, leaf.name


def test_names_are_unique() -> None:
    names = [leaf.name for leaf in config.declarations()]
    assert len(set(names)) == len(names)


def test_flat_values_change_what_they_name_and_nothing_else() -> None:
    changed = config.from_flat({'cycle.max_agents': 7})
    assert changed.cycle.max_agents == 7
    assert changed.fusion == config.Config().fusion
    assert changed.sources == config.Config().sources


def test_a_new_source_starts_from_the_defaults() -> None:
    names = ['camera', 'corner']
    changed = config.from_flat({'sources.names': names, 'sources.corner.topic': '/corner'})
    assert [s.name for s in changed.sources] == names
    assert changed.sources[1].topic == '/corner'
    assert changed.sources[0] == config.Config().sources[0]


def test_a_whole_number_may_stand_for_a_float() -> None:
    assert config.from_flat({'cycle.time_budget_ms': 80}).cycle.time_budget_ms == 80.0


@pytest.mark.parametrize(
    ('values', 'named'),
    [
        ({'cycle.max_agent': 7}, "'cycle.max_agent'; did you mean 'cycle.max_agents'"),
        ({'cycle.max_agents': 'many'}, "cycle.max_agents must be a int, got 'many'"),
        ({'cycle.max_agents': True}, 'cycle.max_agents must be a int, got True'),
        ({'cycle.max_agents': 0}, 'max_agents must be >= 1, got 0'),
        ({'cycle.min_existence': float('nan')}, 'min_existence must be a number, got nan'),
        ({'cycle.min_existence': 1.5}, 'min_existence must be <= 1.0, got 1.5'),
        ({'sources.names': ['a', 'a']}, "'a' twice"),
        ({'sources.names': ['front camera']}, "'front camera'"),
        ({'sources.names': 'camera'}, 'sources.names must be a list'),
        ({'sources.camera.modality': 'sonar'}, "got 'sonar'"),
        ({'sources.nobody.topic': '/x'}, "'sources.nobody.topic'"),
    ],
)
def test_a_bad_value_is_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(ParameterError) as error:
        config.from_flat(values, origin='here')
    assert named in str(error.value)


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('', 'must hold a node name'),
        ('prediction: {ros__parameters: {cycle: {', 'not YAML'),
        ('planner: {ros__parameters: {}}', "unknown node 'planner'"),
        ('prediction: {cycle: {}}', 'must hold ros__parameters'),
        ('prediction: {ros__parameters: {cycle: {max_agents: -1}}}', 'must be >= 1'),
        ('prediction: {ros__parameters: {cycles: {max_agents: 1}}}', "'cycles.max_agents'"),
        ('!!python/object/apply:os.system ["true"]', 'not YAML'),
    ],
)
def test_a_bad_file_is_named_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(text)
    with pytest.raises(ParameterError) as error:
        config.load_yaml(path)
    assert named in str(error.value)
    assert 'mine.yaml' in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r'nowhere\.yaml: cannot be read'):
        config.load_yaml(tmp_path / 'nowhere.yaml')


def test_wildcard_files_and_sim_time_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / 'any.yaml'
    tree = {'/**': {'ros__parameters': {'use_sim_time': True, 'cycle': {'max_agents': 9}}}}
    path.write_text(yaml.safe_dump(tree))
    assert config.load_yaml(path).cycle.max_agents == 9
