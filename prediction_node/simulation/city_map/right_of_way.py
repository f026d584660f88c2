"""Who gives way to whom inside of junctions, from SUMO's table of links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from prediction_node.simulation.city_map.junctions import Way
from prediction_node.simulation.city_map.lane import Lane, LaneBook
from prediction_node.simulation.network.net_file import Function, Network

# Links that must look out before they enter; of the others some still give way inside.
_MINOR = ('m', 's', 'w')


def yielding(
    book: LaneBook,
    network: Network,
    parts: Mapping[Way, Sequence[Lane]],
    row_of: Mapping[int, int],
) -> list[list[int]]:
    """For every lane the rows of those it gives way to, crosswalks among them.

    Where a way has a place to wait inside of the junction, only what follows it gives way.
    """
    way_of = {way.inner[-1]: inside for way, inside in parts.items() if way.inner}
    found: list[list[int]] = [[] for _ in book.lanes]
    for junction in network.junctions.values():
        over: list[Sequence[Lane]] = []
        for net_lane in junction.inner:
            if network.lanes[net_lane].function is Function.CROSSING:
                crosswalk = book.of_net.get(net_lane)
                over.append(() if crosswalk is None else (crosswalk,))
            else:
                over.append(way_of.get(net_lane, ()))
        count = min(len(over), len(junction.gives_way))
        for link, other in np.argwhere(junction.gives_way[:count, :count]).tolist():
            waits = junction.waits_inside[link] and len(over[link]) > 1
            for lane in over[link][-1:] if waits else over[link]:
                row = row_of[lane.id]
                found[row] += [row_of[k.id] for k in over[other] if row_of[k.id] not in found[row]]
    return found


def mark_stops(book: LaneBook, network: Network, parts: Mapping[Way, Sequence[Lane]]) -> None:
    """Lanes that end before a signal, and those of roads that must give way as a whole."""
    states: dict[str, list[str]] = {}
    for way in parts:
        state = 'signal' if way.link.signal else way.link.state
        states.setdefault(network.lanes[way.start].edge, []).append(state)
    for way in parts:
        seen = states[network.lanes[way.start].edge]
        # A road with the right of way has no stop line, though who turns left there must wait.
        minor = all(state in _MINOR for state in seen)
        if way.link.signal or minor:
            book.of_net[way.start].stop = True
