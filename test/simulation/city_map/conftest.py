"""Cities and networks to map, made once for all tests; SUMO drives in them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from prediction_node.domain.lane_map import LaneMap
from prediction_node.lanelet.load import load_map
from prediction_node.lanelet.write import write_lanelet2
from prediction_node.simulation.city_map import lane_map_of, network_map
from prediction_node.simulation.network.city import City, build_city
from prediction_node.simulation.network.net_file import Network, read_network
from prediction_node.simulation.network.netconvert import find_netconvert
from prediction_node.simulation.scenario.scenario import Layout, Scenario

SECONDS = 60.0


@dataclass(frozen=True)
class Mapped:
    """A network with its map, as made, as a file and as read back from it."""

    network: Network
    made: LaneMap
    osm: Path
    parted: list[str]
    loaded: LaneMap


def mapped(network: Network, made: LaneMap, folder: Path) -> Mapped:
    osm = folder / 'map.osm'
    parted = write_lanelet2(made, osm)
    return Mapped(network, made, osm, parted, load_map(osm))


@pytest.fixture(scope='session')
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Signals with turn lanes, a roundabout, stop signs, right before left; bicycle and parking
    lanes, crosswalks.
    """
    pytest.importorskip('sumo', reason='needs eclipse-sumo')
    layout = Layout(
        columns=('collector', 'arterial', 'residential'),
        rows=('collector', 'residential'),
        junctions=('signal', 'signal', 'roundabout', 'priority', 'stop', 'right_before_left'),
        closed_arms=2,
    )
    return build_city(Scenario(layout=layout), 3, tmp_path_factory.mktemp('city'), SECONDS)


@pytest.fixture(scope='session')
def city_map(city: City, tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    return mapped(read_network(city.net), lane_map_of(city), tmp_path_factory.mktemp('city_map'))


@pytest.fixture(scope='session')
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Mapped]:
    """`generate(*options)`: the map of a network that netgenerate invents."""
    pytest.importorskip('sumo', reason='needs eclipse-sumo')
    found: dict[tuple[str, ...], Mapped] = {}

    def of(*options: str) -> Mapped:
        if options not in found:
            folder = tmp_path_factory.mktemp('net')
            program = find_netconvert().with_name('netgenerate')
            subprocess.run(
                [str(program), *options, '-o', str(folder / 'net.xml')],
                check=True, capture_output=True, timeout=60,
            )  # fmt: skip
            network = read_network(folder / 'net.xml')
            found[options] = mapped(network, network_map(network), folder)
        return found[options]

    return of


@dataclass(frozen=True, eq=False)
class Drive:
    """One vehicle's way: (n, 2) reference points on the body, every 0.2 s, and its SUMO lanes."""

    name: str
    place_m: np.ndarray
    lanes: list[str]


@pytest.fixture(scope='session')
def drives(city: City, tmp_path_factory: pytest.TempPathFactory) -> list[Drive]:
    """All motor vehicles of a run of the city.

    The reference point is the middle of a car, the front axle of what is longer: the middle of a
    bus runs over the lane beside when it turns.
    """
    track = tmp_path_factory.mktemp('drives') / 'fcd.xml'
    program = find_netconvert().with_name('sumo')
    subprocess.run(
        [
            str(program), '-n', str(city.net), '-r', ','.join(map(str, city.routes)),
            '--step-length', '0.2', '--lateral-resolution', '0.4', '--end', str(SECONDS),
            '--time-to-teleport', '-1', '--seed', '3', '--no-step-log', '--no-warnings',
            '--fcd-output', str(track), '--fcd-output.attributes', 'x,y,angle,lane,type',
            '--precision', '4',
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    kinds = ElementTree.parse(city.routes[0]).getroot().iterfind('.//vType')
    length = {kind.attrib['id']: float(kind.get('length', 5.0)) for kind in kinds}
    found: dict[str, tuple[list[tuple[float, float]], list[str]]] = {}
    for each in ElementTree.parse(track).getroot().iter('vehicle'):
        kind = each.attrib['type'].split('@')[0]  # SUMO names each vehicle's own variant so
        if kind.startswith('bicycle'):
            continue
        places, lanes = found.setdefault(each.attrib['id'], ([], []))
        yaw = np.pi / 2 - np.radians(float(each.attrib['angle']))
        back = min(0.5 * length[kind], 2.5)
        places.append(
            (
                float(each.attrib['x']) - back * np.cos(yaw),
                float(each.attrib['y']) - back * np.sin(yaw),
            )
        )
        lanes.append(each.attrib['lane'])
    return [Drive(name, np.array(places), lanes) for name, (places, lanes) in found.items()]
