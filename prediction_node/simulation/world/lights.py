"""Signal groups as they show now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_node.domain.lights import LightColour, LightStates
from prediction_node.simulation.network.signals import SignalGroup
from prediction_node.simulation.world.engine import Engine

# SUMO's letters of link states; a switched-off signal ('O') shows nothing.
_LAMPS = {
    'r': (LightColour.RED,),
    'u': (LightColour.RED, LightColour.AMBER),
    'y': (LightColour.AMBER,),
    'Y': (LightColour.AMBER,),
    'o': (LightColour.AMBER,),
    'g': (LightColour.GREEN,),
    'G': (LightColour.GREEN,),
    's': (LightColour.GREEN,),
    'O': (),
}


class Lights:
    """The lamps of all groups; read anew only where a controller changed."""

    def __init__(self, engine: Engine, groups: Sequence[SignalGroup]) -> None:
        self._signals = engine.sumo.trafficlight
        self._groups = tuple(groups)
        self._controllers = tuple(sorted({group.signal for group in groups}))
        self._shown: tuple[str, ...] = ()
        self._lamps = LightStates.none()

    def read(self, stamp_ns: int) -> LightStates:
        """All lamps that are on, seen at `stamp_ns`."""
        shown = tuple(self._signals.getRedYellowGreenState(each) for each in self._controllers)
        if shown != self._shown:
            self._shown = shown
            self._lamps = lamps(self._groups, dict(zip(self._controllers, shown, strict=True)))
        on = self._lamps
        stamps = np.full(len(on), stamp_ns, np.int64)
        return LightStates(on.group_id, on.colour, on.shape, on.confidence, stamps)


def lamps(groups: Sequence[SignalGroup], shown: dict[str, str]) -> LightStates:
    """The lamps that are on, by what each controller shows (a letter per link); stamps are 0."""
    rows = [
        (group.id, colour, group.shape)
        for group in groups
        for colour in _LAMPS[shown[group.signal][group.links[0]]]
    ]
    group_id, colour, shape = zip(*rows, strict=True) if rows else ((), (), ())
    return LightStates(
        np.array(group_id, np.int64),
        np.array(colour, np.int8),
        np.array(shape, np.int8),
        np.ones(len(rows)),
        np.zeros(len(rows), np.int64),
    )
