"""Building a city: the same seed makes the same bytes; what is missing is told in one sentence."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import numpy as np
import pytest

from prediction_node.domain.errors import ParameterError, SimulationError
from prediction_node.simulation.network import netconvert
from prediction_node.simulation.network.city import build_city
from prediction_node.simulation.network.netconvert import build_net, find_netconvert, require_sumo
from prediction_node.simulation.scenario import Scenario, load_scenario, random_scenario
from prediction_node.simulation.scenario.layout import Layout

pytest.importorskip('sumo', reason='SUMO is not installed (requirements/simulation.txt)')


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    scenario = load_scenario('residential')
    first = build_city(scenario, 5, tmp_path / 'a', 30.0)
    second = build_city(scenario, 5, tmp_path / 'b', 30.0)
    other = build_city(scenario, 6, tmp_path / 'c', 30.0)
    assert contents(first.folder) == contents(second.folder)
    assert repr(first.script) == repr(second.script)
    assert first.ego_route == second.ego_route
    assert all(map(np.array_equal, first.buildings, second.buildings))
    assert contents(other.folder)['city.net.xml'] != contents(first.folder)['city.net.xml']


def test_a_longer_run_has_the_same_streets_and_houses(tmp_path: Path) -> None:
    short = build_city(Scenario(), 1, tmp_path / 'a', 20.0)
    long = build_city(Scenario(), 1, tmp_path / 'b', 80.0)
    assert short.net.read_bytes() == long.net.read_bytes()
    assert all(map(np.array_equal, short.buildings, long.buildings))


@pytest.mark.parametrize('seed', range(100, 106))
def test_random_scenarios_can_be_built(tmp_path: Path, seed: int) -> None:
    city = build_city(random_scenario(seed), seed, tmp_path, 50.0)
    assert city.script.crossings
    assert city.ego_route


def test_a_city_without_loops_is_refused_when_the_run_is_too_long(tmp_path: Path) -> None:
    lonely = Scenario(name='lonely', layout=Layout(columns=('collector',), rows=('collector',)))
    assert build_city(lonely, 1, tmp_path, 8.0).ego_route
    with pytest.raises(SimulationError, match=r'lonely.*fringe after .* of the 300 s') as caught:
        build_city(lonely, 1, tmp_path, 300.0)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('duration_s', [0.0, -1.0, float('nan'), float('inf')])
def test_a_duration_out_of_range_is_refused(tmp_path: Path, duration_s: float) -> None:
    with pytest.raises(SimulationError, match='at least 5 s'):
        build_city(Scenario(), 1, tmp_path, duration_s)


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r'seed.*>= 0.*-1'):
        build_city(Scenario(), -1, tmp_path, 30.0)
    with pytest.raises(ParameterError, match=r'seed.*>= 0.*-1'):
        random_scenario(-1)


def test_events_begin_when_they_are_asked_for(tmp_path: Path) -> None:
    scenario = random_scenario(4)
    city = build_city(scenario, 4, tmp_path, 90.0, events_s=(20.0, 30.0))
    begin = [c.earliest_s for c in city.script.crossings] + [
        c.start_s for c in city.script.crossings
    ]
    begin += [each.start_s for each in city.script.pull_outs]
    assert begin
    assert min(begin) >= 20.0
    assert max(begin) <= 30.0
    with pytest.raises(SimulationError, match=r'events_s.*0 \.\. 90 s.*100'):
        build_city(scenario, 4, tmp_path, 90.0, events_s=(20.0, 100.0))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / 'file'
    blocked.write_text('in the way')
    with pytest.raises(SimulationError, match=r'file.* cannot be written'):
        build_city(Scenario(), 1, blocked / 'city', 30.0)


def test_missing_sumo_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(netconvert.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.delenv('SUMO_HOME', raising=False)
    monkeypatch.setenv('PATH', str(tmp_path))
    for ask in (require_sumo, lambda: build_city(Scenario(), 1, tmp_path, 30.0)):
        with pytest.raises(SimulationError, match=r'pip install eclipse-sumo') as caught:
            ask()
        assert '\n' not in str(caught.value)


def test_sumo_is_found_by_its_home_and_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / 'bin' / 'netconvert'
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "Error: no roads at all." >&2\nexit 1\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(netconvert.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setenv('SUMO_HOME', str(tmp_path))
    assert find_netconvert() == program
    monkeypatch.delenv('SUMO_HOME')
    monkeypatch.setenv('PATH', f'{program.parent}:/usr/bin:/bin')
    assert find_netconvert() == program
    with pytest.raises(SimulationError, match=r'could not build .*net\.xml: no roads at all\.'):
        build_net({}, tmp_path / 'net.xml')


def test_what_netconvert_refuses_is_told_in_one_sentence(tmp_path: Path) -> None:
    nodes = tmp_path / 'plain.nod.xml'
    nodes.write_text('<nodes><node id="a" x="oops" y="0"/></nodes>')
    with pytest.raises(SimulationError, match='netconvert could not build') as caught:
        build_net({'node-files': nodes}, tmp_path / 'net.xml')
    assert '\n' not in str(caught.value)


def test_a_roundabout_needs_three_arms(tmp_path: Path) -> None:
    base = load_scenario('roundabout')
    closed = dataclasses.replace(base, layout=dataclasses.replace(base.layout, closed_arms=12))
    city = build_city(closed, 2, tmp_path, 30.0)
    # Closing leaves three at each, never fewer.
    assert city.net.read_text().count('type="dead_end"') == 4
