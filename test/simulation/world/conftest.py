"""A street of our own, with whoever a test wants on it; and a small city."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prediction_node.simulation.network.city import City, build_city
from prediction_node.simulation.network.netconvert import build_net
from prediction_node.simulation.network.script import Script
from prediction_node.simulation.scenario import Scenario, load_scenario

pytest.importorskip('libsumo')

_TYPES = """
<vType id="car" vClass="passenger" length="5" width="1.8" height="1.5" sigma="0" speedDev="0"/>
<vType id="stays" vClass="passenger" length="5" width="1.8" height="1.5" sigma="0" speedDev="0"
  lcStrategic="-1" lcSpeedGain="0" lcKeepRight="0" lcCooperative="-1" lcSublane="0"/>
<vType id="lorry" vClass="trailer" length="16" width="2.5" height="3.5" sigma="0" speedDev="0">
  <param key="trailer_length_m" value="8"/><param key="trailer_gap_m" value="1"/>
</vType>
<vType id="kerb" vClass="custom1" length="4.5" width="1.8" height="1.5" sigma="0" speedDev="0"/>
<vType id="siren" vClass="emergency" length="6" width="2.1" height="2.6">
  <param key="has.bluelight.device" value="true"/>
</vType>
<vType id="adult" vClass="pedestrian" length="0.35" width="0.55" height="1.7"/>
"""

Street = Callable[..., City]


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """make(demand='<vehicle .../>', script=Script(), ego='...attributes...') -> City.

    A street that runs north from y = 0 to y = 400 m, then left for 200 m. From its left side at
    x = 0: driving lanes 3 and 2 (middles at x = 1.6 and 4.8), kerb lane 1 (8.0), sidewalk (11.1).
    The robotaxi starts at y = 60 unless told otherwise.
    """

    def make(
        demand: str = '',
        script: Script | None = None,
        ego: str = 'departPos="60" departSpeed="10"',
    ) -> City:
        nodes = tmp_path / 'city.nod.xml'
        nodes.write_text(
            '<nodes><node id="a" x="0" y="0"/><node id="b" x="0" y="400"/>'
            '<node id="c" x="-200" y="400"/></nodes>'
        )
        edges = tmp_path / 'city.edg.xml'
        lanes = (
            '<lane index="0" allow="pedestrian" width="3"/><lane index="1" allow="custom1"/>'
            '<lane index="2" disallow="pedestrian"/><lane index="3" disallow="pedestrian"/>'
        )
        edges.write_text(
            '<edges>'
            f'<edge id="ab" from="a" to="b" numLanes="4" speed="13.89" spreadType="right">{lanes}'
            f'</edge><edge id="bc" from="b" to="c" numLanes="4" speed="8.33">{lanes}</edge></edges>'
        )
        net = tmp_path / 'city.net.xml'
        build_net({'node-files': nodes, 'edge-files': edges}, net)
        routes = tmp_path / 'city.rou.xml'
        routes.write_text(
            f'<routes>{_TYPES}<route id="r" edges="ab bc"/><vehicle id="ego" type="car" route="r" '
            f'depart="0" departLane="2" {ego}/>{demand}</routes>'
        )
        return City(
            scenario=Scenario(name='street'),
            seed=1,
            folder=tmp_path,
            net=net,
            routes=(routes,),
            additional=(),
            buildings=(),
            script=script or Script(),
            ego_route=('ab', 'bc'),
        )

    return make


@pytest.fixture(scope='session')
def downtown(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The shipped scenario, for runs of up to half a minute."""
    return build_city(load_scenario('downtown'), 1, tmp_path_factory.mktemp('downtown'), 60.0)
