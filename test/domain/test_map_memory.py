"""What was made of a map is made once, is forgotten last in its turn, and is of that map alone."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable

import pytest

from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.map_memory import MapMemory
from prediction_node.lanelet.load import load_map
from prediction_node.resources import share_path


@pytest.fixture(scope='module')
def some_map() -> Callable[[str], LaneMap]:
    """Maps of other identities, told apart by their source."""
    lane_map = load_map(share_path('samples', 'lankershim', 'map.osm'))
    return lambda name: dataclasses.replace(lane_map, source=name)


def test_each_map_is_looked_at_once_until_it_is_forgotten(
    some_map: Callable[[str], LaneMap],
) -> None:
    memory: MapMemory[str] = MapMemory(2)
    looked: list[str] = []

    def make(lane_map: LaneMap) -> str:
        looked.append(lane_map.source)
        return lane_map.source

    first, second, third = (some_map(name) for name in 'abc')
    asked = [first, second, first, third, first, second]
    assert [memory.of(each, make) for each in asked] == list('abacab')
    assert looked == list('abcb')  # c took the place of b, which was asked for before a


def test_what_was_made_elsewhere_replaces_and_counts_as_asked_for(
    some_map: Callable[[str], LaneMap],
) -> None:
    memory: MapMemory[str] = MapMemory(2)
    first, second, third = (some_map(name) for name in 'abc')
    memory.keep(first, 'old')
    memory.keep(second, 'b')
    memory.keep(first, 'new')
    memory.keep(third, 'c')
    assert memory.of(first, lambda _: 'made') == 'new'
    assert memory.of(second, lambda _: 'made') == 'made'


def test_no_map_inherits_from_one_that_is_gone(some_map: Callable[[str], LaneMap]) -> None:
    """Memory that was given back is given out again, and an identity with it."""
    memory: MapMemory[str] = MapMemory(2)
    for k in range(100):
        lane_map = some_map(str(k))
        assert memory.of(lane_map, lambda each: each.source) == str(k)
        del lane_map
        gc.collect(0)
