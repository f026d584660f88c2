"""Closed rings out of ways that share end points."""

from __future__ import annotations

from collections.abc import Sequence

from prediction_node.lanelet.elements import Directed, Way


def outer_ring(ways: Sequence[Way]) -> tuple[Directed, ...] | None:
    """The ways in the order and direction in which they enclose an area; None where they do not
    close.
    """
    if not ways:
        return None
    ring = [Directed(ways[0].id)]
    first, last = ways[0].rows[0], ways[0].rows[-1]
    left = list(ways[1:])
    while left:
        for i, way in enumerate(left):
            if way.rows[0] == last or way.rows[-1] == last:
                inverted = bool(way.rows[0] != last)
                ring.append(Directed(way.id, inverted))
                last = way.rows[0] if inverted else way.rows[-1]
                del left[i]
                break
        else:
            return None
    return tuple(ring) if first == last else None
