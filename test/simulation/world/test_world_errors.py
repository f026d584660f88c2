"""What a world refuses."""

from __future__ import annotations

import sys

import pytest

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.world.world import World


def test_a_second_world_in_the_process_is_refused_until_the_first_is_closed(street):
    city = street()
    with World(city, 1, warm_up_s=1.0) as first:
        with pytest.raises(SimulationError, match='running in this process already'):
            World(city, 1)
        first.step()
    with World(city, 1, warm_up_s=1.0) as second:
        second.step()


def test_a_missing_sumo_is_one_sentence(street, monkeypatch):
    city = street()
    monkeypatch.setitem(sys.modules, 'libsumo', None)
    with pytest.raises(SimulationError, match='SUMO is not installed'):
        World(city, 1)


def test_a_broken_demand_is_one_sentence_and_leaves_room_for_another_world(street, capfd):
    city = street()
    text = city.routes[0].read_text()
    city.routes[0].write_text(text.replace('depart="0"', 'depart="soon"', 1))
    with pytest.raises(SimulationError) as caught:
        World(city, 1)
    assert '\n' not in str(caught.value)
    city.routes[0].write_text(text)
    with World(city, 1, warm_up_s=1.0) as world:
        world.step()
    said = capfd.readouterr()
    assert said.out + said.err == ''


def test_a_city_without_a_robotaxi_is_refused(street):
    city = street()
    city.routes[0].write_text(city.routes[0].read_text().replace('id="ego"', 'id="other"'))
    with pytest.raises(SimulationError, match='robotaxi found no room'):
        World(city, 1)


def test_a_class_of_vehicle_that_nobody_is_names_the_type(street):
    city = street()
    city.routes[0].write_text(
        city.routes[0].read_text().replace('id="car" vClass="passenger"', 'id="car" vClass="ship"')
    )
    with pytest.raises(SimulationError):
        World(city, 1, warm_up_s=1.0)


def test_closing_twice_is_fine(street):
    world = World(street(), 1, warm_up_s=1.0)
    world.close()
    world.close()
