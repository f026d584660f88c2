"""Cities of the shipped scenarios, each built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from prediction_node.simulation.network.city import City, build_city
from prediction_node.simulation.network.net_file import Network, read_network
from prediction_node.simulation.scenario import SHIPPED, load_scenario

DURATION_S = 60.0


@pytest.fixture(scope='session', params=SHIPPED)
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> City:
    folder: Path = tmp_path_factory.mktemp(request.param)
    return build_city(load_scenario(request.param), 7, folder, DURATION_S)


@pytest.fixture(scope='session')
def network(city: City) -> Network:
    return read_network(city.net)
