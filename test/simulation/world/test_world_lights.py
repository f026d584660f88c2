"""Signal groups as the world shows them."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.lights import LightColour, LightShape
from prediction_node.simulation.network.net_file import read_network
from prediction_node.simulation.network.signals import SignalGroup, signal_groups
from prediction_node.simulation.world.lights import lamps
from prediction_node.simulation.world.world import World


@pytest.mark.parametrize(
    ('letter', 'colours'),
    [
        ('r', [LightColour.RED]),
        ('u', [LightColour.RED, LightColour.AMBER]),
        ('y', [LightColour.AMBER]),
        ('g', [LightColour.GREEN]),
        ('G', [LightColour.GREEN]),
        ('O', []),
    ],
)
def test_letters_mean_lamps(letter, colours):
    group = SignalGroup(5, 'a', (1, 2), 'north', False, LightShape.LEFT_ARROW)
    on = lamps([group], {'a': f'x{letter}{letter}'})
    assert on.colour.tolist() == colours
    assert (on.group_id == 5).all()
    assert (on.shape == LightShape.LEFT_ARROW).all()


def test_the_groups_are_those_of_the_map_and_change_with_time(downtown):
    known = {group.id for group in signal_groups(read_network(downtown.net))}
    seen: dict[int, set[int]] = {}
    with World(downtown, 1) as world:
        for _ in range(300):
            lights = world.step().lights
            assert (lights.stamp_ns == world.state.snapshot.stamp_ns).all()
            for group, colour in zip(lights.group_id.tolist(), lights.colour, strict=True):
                seen.setdefault(group, set()).add(int(colour))
    assert set(seen) == known
    changed = [group for group, colours in seen.items() if len(colours) > 1]
    assert len(changed) > len(known) // 4
    assert np.isin(LightColour.RED, [c for colours in seen.values() for c in colours])
