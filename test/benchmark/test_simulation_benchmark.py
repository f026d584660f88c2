"""`benchmark simulation` counts what it says it counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prediction_node import cli

pytest.importorskip('libsumo', reason='SUMO is not installed (requirements/simulation.txt)')

SMALL = """
name: small
layout: {columns: [collector, residential], rows: [collector], junctions: [signal, priority]}
demand: {car_per_h: 300.0, pedestrian_per_h: 120.0, parked_share: 0.2}
"""


@pytest.mark.slow
def test_parts_add_up(tmp_path: Path, capsys: Any) -> None:
    figures_file = tmp_path / 'figures.json'
    small = tmp_path / 'small.yaml'
    small.write_text(SMALL)
    arguments = ['--scenario', str(small), '--count', '2', '--duration', '6', '--seed', '3']
    command = ['benchmark', 'simulation', *arguments, '--json', str(figures_file)]
    assert cli.main(command) == 0
    assert 'agent_seconds_per_cpu_s' in capsys.readouterr().out
    figures = json.loads(figures_file.read_text())
    scenes, driven = figures['scenes'], figures['sensors_and_fusion']
    assert scenes['agent_seconds'] == pytest.approx(
        6.0 * (2 - scenes['rejected']) * scenes['agents']
    )
    parts = sum(
        value
        for name, value in scenes.items()
        if name.endswith('_cpu_s') and not name.startswith('agent')
    )
    assert scenes['agent_seconds_per_cpu_s'] == pytest.approx(scenes['agent_seconds'] / parts)
    assert driven['releases'] == 60 * (2 - scenes['rejected'])
    assert driven['fused_agents'] > 1.0
    assert driven['sensors_cpu_s'] > 0.0
