"""Traffic lights of CommonRoad scenarios: fixed cycles, one signal group each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.domain.lights import LightColour, LightShape, LightStates
from prediction_node.importers.xml_document import Node

# A lamp for several directions shows one arrow for each.
_SHAPES = {
    'all': (LightShape.CIRCLE,),
    'left': (LightShape.LEFT_ARROW,),
    'straight': (LightShape.UP_ARROW,),
    'right': (LightShape.RIGHT_ARROW,),
    'leftStraight': (LightShape.LEFT_ARROW, LightShape.UP_ARROW),
    'straightRight': (LightShape.UP_ARROW, LightShape.RIGHT_ARROW),
    'leftRight': (LightShape.LEFT_ARROW, LightShape.RIGHT_ARROW),
}
_COLOURS: dict[str, tuple[LightColour, ...]] = {
    'red': (LightColour.RED,),
    'yellow': (LightColour.AMBER,),
    'redYellow': (LightColour.RED, LightColour.AMBER),
    'green': (LightColour.GREEN,),
    'inactive': (),
}


@dataclass(frozen=True)
class LightCycle:
    """Phase `colours[i]` lasts `duration_steps[i]`; phase 0 begins at step `offset_steps`."""

    group_id: int
    shapes: tuple[LightShape, ...]
    duration_steps: tuple[int, ...]
    colours: tuple[tuple[LightColour, ...], ...]
    offset_steps: int

    def lit(self, step: int) -> tuple[LightColour, ...]:
        """The colours that are on at a time step; none when the light is dark."""
        remaining = (step - self.offset_steps) % sum(self.duration_steps)
        for duration, colours in zip(self.duration_steps, self.colours, strict=True):
            if remaining < duration:
                return colours
            remaining -= duration
        raise AssertionError('the remainder is below the sum of the durations')


def read_cycles(root: Node) -> list[LightCycle]:
    """The cycle of every traffic light that has one and is in use. Raises DataError."""
    cycles = []
    for light in root.all('trafficLight'):
        active = light.find('active')
        cycle = light.find('cycle')
        if cycle is None or (active is not None and active.text == 'false'):
            continue
        direction = light.find('direction')
        name = 'all' if direction is None else direction.text
        if name not in _SHAPES:
            raise light.error(f'direction {name!r} is unknown; known are {", ".join(_SHAPES)}')
        durations, colours = [], []
        for phase in cycle.all('cycleElement'):
            duration, colour = phase.number('duration'), phase.child('color').text
            if duration != round(duration) or duration < 1:
                raise phase.error(f'duration must be a whole number of steps >= 1, got {duration}')
            if colour not in _COLOURS:
                raise phase.error(f'color {colour!r} is unknown; known are {", ".join(_COLOURS)}')
            durations.append(int(duration))
            colours.append(_COLOURS[colour])
        if not durations:
            raise cycle.error('a cycle needs at least one cycleElement')
        offset = cycle.find('timeOffset')
        cycles.append(
            LightCycle(
                group_id=light.integer('id'),
                shapes=_SHAPES[name],
                duration_steps=tuple(durations),
                colours=tuple(colours),
                offset_steps=0 if offset is None else int(offset.number()),
            )
        )
    return cycles


def states_at(cycles: list[LightCycle], step: int, stamp_ns: int) -> LightStates:
    """Every lamp that is on at a time step, whose instant is `stamp_ns`."""
    rows = [
        (cycle.group_id, colour, shape)
        for cycle in cycles
        for colour in cycle.lit(step)
        for shape in cycle.shapes
    ]
    if not rows:
        return LightStates.none()
    group, colour_on, shape_on = zip(*rows, strict=True)
    return LightStates(
        group_id=np.array(group, dtype=np.int64),
        colour=np.array(colour_on, dtype=np.int8),
        shape=np.array(shape_on, dtype=np.int8),
        confidence=np.ones(len(rows)),
        stamp_ns=np.full(len(rows), stamp_ns, dtype=np.int64),
    )
