"""Scenarios at random: every seed a different city."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from prediction_node.domain.errors import ParameterError
from prediction_node.simulation.scenario.layout import (
    ARTERIAL,
    COLLECTOR,
    JUNCTION_KINDS,
    RESIDENTIAL,
    Layout,
    Street,
)
from prediction_node.simulation.scenario.scenario import Scenario
from prediction_node.simulation.scenario.traffic import (
    Behaviour,
    Demand,
    EgoWishes,
    Events,
    Weather,
)

# Cars per hour that one arm of a street sends into the city in dense traffic.
_CARS_PER_ARM = {'arterial': 520.0, 'collector': 260.0, 'residential': 90.0}
_WITHOUT_ROUNDABOUT = tuple(kind for kind in JUNCTION_KINDS if kind != 'roundabout')
_UNSIGNALISED = tuple(kind for kind in JUNCTION_KINDS if kind not in ('signal', 'roundabout'))


def random_scenario(seed: int) -> Scenario:
    """A scenario of one of the layouts, with its figures drawn. All classes of road users and all
    scripted events have a rate above zero. Raises ParameterError.
    """
    if seed < 0:
        raise ParameterError(f'seed must be >= 0, got {seed}')
    rng = np.random.default_rng([seed, 0x5CE4A510])
    kind = list(_LAYOUTS)[int(rng.integers(len(_LAYOUTS)))]
    layout = dataclasses.replace(
        _LAYOUTS[kind](rng),
        irregularity=_between(rng, 0.0, 0.1),
        bend_m=_between(rng, 0.0, 12.0),
        arm_m=_between(rng, 90.0, 200.0),
        closed_arms=int(rng.integers(0, 4)),
        crosswalk_share=_between(rng, 0.5, 1.0),
        roundabout_radius_m=_between(rng, 16.0, 22.0),
        building_share=_between(rng, 0.4, 0.95),
        setback_m=_between(rng, 0.8, 6.0),
    )
    night = rng.random() < 0.25
    foggy = rng.random() < 0.15
    return Scenario(
        name=f'random_{seed}',
        description=f'Drawn: {kind}{", night" if night else ""}{", fog" if foggy else ""}.',
        layout=layout,
        arterial=_street(ARTERIAL, rng, (12.5, 16.7), lanes=int(rng.integers(2, 4))),
        collector=_street(COLLECTOR, rng, (11.1, 13.9), bicycle_lane=bool(rng.random() < 0.6)),
        residential=_street(RESIDENTIAL, rng, (7.0, 8.4), parking_lane=bool(rng.random() < 0.85)),
        demand=_demand(layout, rng),
        behaviour=Behaviour(
            phone_share=_between(rng, 0.05, 0.35),
            looking_share=_between(rng, 0.6, 0.95),
            signalling_share=_between(rng, 0.6, 0.95),
            hurried_share=_between(rng, 0.05, 0.3),
            cautious_share=_between(rng, 0.1, 0.35),
            phone_delay_s=_between(rng, 1.0, 4.0),
        ),
        events=Events(
            *(round(_between(rng, 0.2, 1.5), 2) for _ in dataclasses.fields(Events)),
        ),
        weather=Weather(
            night=bool(night), visibility_m=_between(rng, 60.0, 400.0) if foggy else 10000.0
        ),
        ego=EgoWishes(prefer=('mixed', 'straight', 'left', 'right')[int(rng.integers(4))]),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Three decimals are enough, and files stay readable."""
    return round(float(rng.uniform(low, high)), 3)


def _whole(value: float) -> float:
    return float(round(value))


def _street(
    base: Street, rng: np.random.Generator, limits_mps: tuple[float, float], **changes: object
) -> Street:
    return dataclasses.replace(
        base,
        speed_limit_mps=_between(rng, *limits_mps),
        lane_width_m=_between(rng, 2.9, 3.5),
        sidewalk_width_m=_between(rng, 1.6, 3.2),
        **changes,  # type: ignore[arg-type]
    )


def _demand(layout: Layout, rng: np.random.Generator) -> Demand:
    ends = [*layout.columns, *layout.columns, *layout.rows, *layout.rows]
    density = _between(rng, 0.35, 1.0)
    cars = density * sum(_CARS_PER_ARM[street] for street in ends)
    # Without lights a dense stream of walkers over crosswalks would stop all traffic.
    lights = set(layout.junctions) == {'signal'}
    walkers = _between(rng, 60.0, 260.0) if lights else _between(rng, 40.0, 130.0)
    return Demand(
        car_per_h=_whole(cars),
        truck_per_h=_whole(cars * _between(rng, 0.03, 0.1)),
        bus_per_h=_whole(cars * _between(rng, 0.01, 0.05)),
        trailer_per_h=_whole(cars * _between(rng, 0.01, 0.04)),
        motorcycle_per_h=_whole(cars * _between(rng, 0.02, 0.1)),
        bicycle_per_h=_whole(cars * _between(rng, 0.05, 0.3)),
        pedestrian_per_h=_whole(walkers * len(ends)),
        parked_share=_between(rng, 0.3, 0.85),
    )


def _pick(rng: np.random.Generator, *choices: str) -> str:
    return choices[int(rng.integers(len(choices)))]


def _some(rng: np.random.Generator, low: int, high: int, *choices: str) -> tuple[str, ...]:
    return tuple(_pick(rng, *choices) for _ in range(int(rng.integers(low, high + 1))))


def _downtown(rng: np.random.Generator) -> Layout:
    return Layout(
        columns=_some(rng, 2, 3, 'collector', 'arterial'),
        rows=_some(rng, 2, 3, 'collector', 'collector', 'arterial'),
        junctions=('signal',),
        block_m=_between(rng, 100.0, 150.0),
    )


def _arterial(rng: np.random.Generator) -> Layout:
    """A great street with lights, and a small one behind it."""
    columns = _some(rng, 2, 3, 'collector', 'residential')
    behind = tuple(_pick(rng, 'priority', 'stop', 'all_way_stop') for _ in columns)
    return Layout(
        columns=columns,
        rows=('arterial', 'residential'),
        junctions=(*('signal' for _ in columns), *behind),
        block_m=_between(rng, 130.0, 190.0),
    )


def _roundabouts(rng: np.random.Generator) -> Layout:
    """Two roundabouts, so that one can turn around at either."""
    return Layout(
        columns=(_pick(rng, 'collector', 'residential'), _pick(rng, 'collector', 'residential')),
        rows=('collector',),
        junctions=('roundabout',),
        block_m=_between(rng, 130.0, 200.0),
    )


def _residential(rng: np.random.Generator) -> Layout:
    columns = _some(rng, 2, 3, 'residential')
    rows = _some(rng, 2, 3, 'residential')
    return Layout(
        columns=columns,
        rows=rows,
        junctions=tuple(
            _pick(rng, 'right_before_left', 'right_before_left', 'all_way_stop')
            for _ in range(len(columns) * len(rows))
        ),
        block_m=_between(rng, 90.0, 130.0),
    )


def _unsignalised(rng: np.random.Generator) -> Layout:
    columns = _some(rng, 2, 3, 'residential', 'collector')
    return Layout(
        columns=columns,
        rows=('collector', 'residential'),
        junctions=tuple(_pick(rng, *_UNSIGNALISED) for _ in range(2 * len(columns))),
        block_m=_between(rng, 100.0, 150.0),
    )


def _mixed(rng: np.random.Generator) -> Layout:
    columns = _some(rng, 2, 3, 'residential', 'collector', 'arterial')
    rows = _some(rng, 2, 2, 'residential', 'collector')
    # At least one has lights; roundabouts are for streets with one lane.
    junctions = ['signal']
    for place in range(1, len(columns) * len(rows)):
        wide = columns[place % len(columns)] == 'arterial'
        kinds = _WITHOUT_ROUNDABOUT if wide else JUNCTION_KINDS
        junctions.append(_pick(rng, 'signal', *kinds))
    return Layout(
        columns=columns,
        rows=rows,
        junctions=tuple(junctions),
        block_m=_between(rng, 120.0, 160.0),
    )


_LAYOUTS: dict[str, Callable[[np.random.Generator], Layout]] = {
    'downtown': _downtown,
    'arterial': _arterial,
    'roundabouts': _roundabouts,
    'residential': _residential,
    'unsignalised': _unsignalised,
    'mixed': _mixed,
}
