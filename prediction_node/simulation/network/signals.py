"""Signal groups: what of a signal controller shows one and the same picture to one approach.

SUMO numbers single links; vehicles' maps and messages speak of groups. World and map number them
with this one function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_node.domain.lights import LightShape
from prediction_node.simulation.network.net_file import Function, NetConnection, Network

_ARROWS = {
    's': LightShape.UP_ARROW,
    'l': LightShape.LEFT_ARROW,
    'L': LightShape.LEFT_ARROW,
    't': LightShape.LEFT_ARROW,
    'r': LightShape.RIGHT_ARROW,
    'R': LightShape.RIGHT_ARROW,
}


@dataclass(frozen=True, slots=True)
class SignalGroup:
    """Links of one approach (or crossing) that show the same colour in every phase."""

    id: int
    signal: str  # controller
    links: tuple[int, ...]  # places in the controller's state string, ascending
    approach: str  # edge of the vehicles, or of the crossing
    walkers: bool
    shape: LightShape  # an arrow where the approach has several groups and this one a single way


def signal_groups(network: Network) -> tuple[SignalGroup, ...]:
    """All groups of a network, numbered 1, 2, 3 ... by controller and first link."""
    columns: dict[tuple[str, str, tuple[str, ...]], dict[int, NetConnection]] = {}
    for connection in network.connections:
        if connection.signal and connection.link >= 0:
            shown = _shown(network.programmes.get(connection.signal, ()), connection.link)
            key = (connection.signal, _approach(network, connection), shown)
            columns.setdefault(key, {})[connection.link] = connection
    ordered = sorted(columns.items(), key=lambda item: (item[0][0], min(item[1])))
    several = [(signal, approach) for (signal, approach, _), _ in ordered]
    groups = []
    for number, ((signal, approach, _), links) in enumerate(ordered, start=1):
        walkers = network.edges[approach].function is Function.CROSSING
        arrows = {_ARROWS.get(each.direction, LightShape.CIRCLE) for each in links.values()}
        alone = walkers or several.count((signal, approach)) == 1 or len(arrows) > 1
        shape = LightShape.CIRCLE if alone else next(iter(arrows))
        groups.append(SignalGroup(number, signal, tuple(sorted(links)), approach, walkers, shape))
    return tuple(groups)


def _approach(network: Network, connection: NetConnection) -> str:
    end = network.lanes[connection.end]
    return end.edge if end.function is Function.CROSSING else network.lanes[connection.start].edge


def _shown(programmes: Sequence[Sequence[str]], link: int) -> tuple[str, ...]:
    """The link's letter in every phase of every programme; right of way aside."""
    return tuple(
        state[link].lower() if link < len(state) else ''
        for states in programmes
        for state in states
    )
