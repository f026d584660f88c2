"""The shipped minute of a simulated city holds what its description says."""

from __future__ import annotations

from pathlib import Path

from prediction_node import cdr
from prediction_node.bags.reader import BagReader
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.lights import LightColour
from prediction_node.generation.inspection import inspect_bag
from prediction_node.lanelet.load import load_map
from prediction_node.simulation.scenario import load_scenario
from prediction_node.vehicle.messages import SIGNALS

CITY = Path(__file__).resolve().parents[2] / 'samples' / 'city'


def test_a_minute_of_every_class_without_a_flaw() -> None:
    found = inspect_bag(CITY / 'bag')
    assert found.classes == set(CLASS_NAMES) - {'unknown'}
    assert found.flaws == []
    assert found.instants == 601
    size = sum(path.stat().st_size for path in CITY.rglob('*') if path.is_file())
    assert size <= 8_000_000


def test_its_lights_are_those_of_its_map() -> None:
    lane_map = load_map(CITY / 'map.osm')
    groups, colours = set(), set()
    with BagReader(CITY / 'bag') as bag:
        assert bag.damage == []
        for _, _, _, data in bag.messages([SIGNALS]):
            arrays = cdr.read_traffic_light_groups(data)
            groups.update(arrays.group_id.tolist())
            colours.update(arrays.color.tolist())
    assert groups == set(lane_map.light_group_id.tolist())
    assert colours >= {LightColour.RED, LightColour.AMBER, LightColour.GREEN}


def test_its_scenario_is_there_to_make_more() -> None:
    assert load_scenario(str(CITY / 'scenario.yaml')).name == 'sample'
