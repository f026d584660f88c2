"""Network files: what is read, and one clear sentence for what cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prediction_node.domain.errors import SimulationError
from prediction_node.simulation.city_map import network_map
from prediction_node.simulation.network.net_file import Access, Function, read_network

SMALL = """<net version="1.20"{more}>
<edge id=":b_0" function="internal">
<lane id=":b_0_0" index="0" speed="10" length="1" shape="50,0 60,0"/></edge>
<edge id="ab" from="a" to="b"><lane id="ab_0" index="0" disallow="pedestrian" speed="13.9"
 length="50" width="3.5" shape="0,0 50,0,1.5"/></edge>
<edge id="bc" from="b" to="c"><lane id="bc_0" index="0" speed="8" length="40" shape="60,0 100,0"/>
</edge>
<junction id="b" type="priority" x="55" y="0" incLanes="ab_0" intLanes=":b_0_0" shape="">
<request index="0" response="0" foes="0" cont="0"/></junction>
<connection from="ab" to="bc" fromLane="0" toLane="0" via=":b_0_0" dir="s" state="M"/>
<connection from=":b_0" to="bc" fromLane="0" toLane="0" dir="s" state="M"/>
</net>"""


def write(folder: Path, text: str) -> Path:
    path = folder / 'net.xml'
    path.write_text(text)
    return path


def test_a_small_network(tmp_path: Path) -> None:
    network = read_network(write(tmp_path, SMALL.format(more='')))
    lane = network.lanes['ab_0']
    np.testing.assert_array_equal(lane.shape_m, [[0.0, 0.0, 0.0], [50.0, 0.0, 1.5]])
    assert (lane.width_m, lane.speed_mps, lane.function) == (3.5, 13.9, Function.NORMAL)
    assert network.lanes['bc_0'].width_m == 3.2
    assert network.connections[0].via == ':b_0_0'
    assert network.junctions['b'].gives_way.tolist() == [[False]]
    lane_map = network_map(network)
    assert [lane_map.successors[k].tolist() for k in range(3)] == [[2], [0], []] or len(
        lane_map
    ) == 3


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('<net>', 'is not XML'),
        ('<routes/>', "its root is 'routes'"),
        (SMALL.format(more=' lefthand="true"'), 'keeps to the left'),
        (SMALL.format(more='').replace(' shape="0,0 50,0,1.5"', ''), 'not a whole SUMO network'),
        (SMALL.format(more='').replace('speed="13.9"', 'speed="fast"'), 'not a whole SUMO network'),
        (SMALL.format(more='').replace('function="internal"', 'function="odd"'), 'odd'),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SimulationError, match=words) as caught:
        read_network(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match='cannot be read: No such file'):
        read_network(tmp_path / 'none.net.xml')


def test_a_network_without_lanes_is_no_map(tmp_path: Path) -> None:
    network = read_network(write(tmp_path, '<net version="1.20"/>'))
    with pytest.raises(SimulationError, match='no lanes'):
        network_map(network)


def test_access() -> None:
    everybody = Access.of(None)
    assert everybody.allows('passenger')
    assert Access.of('all').allows('tram')
    assert not Access.of('bicycle').motorised
    assert Access.of('bicycle').allows('bicycle')
    assert Access.of(None, 'pedestrian bicycle').motorised
    assert not Access.of(None, 'pedestrian bicycle').allows('bicycle')
    assert Access.of(None, 'all').closed
    assert Access.of('').closed
    assert not everybody.closed
