"""Locks are merged with as few markers as say the truth."""

from __future__ import annotations

import json

import pytest

from tools import lock


def test_markers_stand_only_where_versions_differ() -> None:
    by_python = {
        '3.10': {'numpy': '2.2.6', 'rich': '15.0.0', 'sympy': '1.14.0'},
        '3.11': {'numpy': '2.4.6', 'rich': '15.0.0', 'typing-extensions': '4.16.0'},
        '3.12': {'numpy': '2.4.6', 'rich': '15.0.0'},
    }
    assert lock.merge(by_python) == [
        'numpy==2.2.6; python_version < "3.11"',
        'numpy==2.4.6; python_version >= "3.11"',
        'rich==15.0.0',
        'sympy==1.14.0; python_version < "3.11"',
        'typing-extensions==4.16.0; python_version == "3.11"',
    ]


@pytest.mark.parametrize('pythons', [['3.10', '3.12'], ['3.11', '3.13']])
def test_a_marker_with_gaps_names_each_python(pythons: list[str]) -> None:
    marker = lock.marker_for(pythons, ['3.10', '3.11', '3.12', '3.13'])
    assert marker == f'python_version == "{pythons[0]}" or python_version == "{pythons[1]}"'


def test_names_of_a_report_are_normalised() -> None:
    report = {'install': [{'metadata': {'name': 'Ruamel.Yaml_x', 'version': '0.1'}}]}
    assert lock.parse_report(json.dumps(report)) == {'ruamel-yaml-x': '0.1'}
