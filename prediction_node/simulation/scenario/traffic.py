"""Who is on the road, and how they behave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prediction_node.domain.parameter import check, parameter


def _per_hour(default: float, description: str) -> Any:
    return parameter(default, description, unit='1/h', low=0.0, high=20000.0)


def _per_minute(default: float, description: str) -> Any:
    return parameter(default, description, unit='1/min', low=0.0, high=20.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """Road users that enter the whole city per hour, by class. A class with a rate above zero is
    there from the start.
    """

    car_per_h: float = _per_hour(1200.0, 'Cars.')
    truck_per_h: float = _per_hour(60.0, 'Trucks.')
    bus_per_h: float = _per_hour(30.0, 'Buses.')
    trailer_per_h: float = _per_hour(20.0, 'Lorries with a trailer.')
    motorcycle_per_h: float = _per_hour(50.0, 'Motorcycles.')
    bicycle_per_h: float = _per_hour(200.0, 'Bicycles.')
    pedestrian_per_h: float = _per_hour(900.0, 'Walkers who start a walk.')
    parked_share: float = parameter(
        0.6, 'Share of the places at the kerb that are taken.', low=0.0, high=0.95
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Shares of the people who do something that tells what comes next."""

    phone_share: float = parameter(
        0.15, 'Walkers who hold a phone: slower, and late to step off.', low=0.0, high=1.0
    )
    looking_share: float = parameter(
        0.85, 'Walkers without a phone who look before they cross.', low=0.0, high=1.0
    )
    signalling_share: float = parameter(
        0.85, 'Drivers who signal before they turn or change lane.', low=0.0, high=1.0
    )
    hurried_share: float = parameter(
        0.15, 'Drivers who drive above the limit and leave short gaps.', low=0.0, high=1.0
    )
    cautious_share: float = parameter(
        0.2, 'Drivers who drive below the limit and leave long gaps.', low=0.0, high=1.0
    )
    phone_delay_s: float = parameter(
        2.5, 'How late phone holders step off, on average.', unit='s', low=0.0, high=15.0
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Events:
    """Scripted events. A kind with a rate above zero happens at least once, where the city has a
    place for it.
    """

    mid_block_crossing_per_min: float = _per_minute(1.0, 'Walkers who cross away from crosswalks.')
    dog_per_min: float = _per_minute(0.5, 'Dogs that run onto the road.')
    pull_out_per_min: float = _per_minute(1.0, 'Parked cars that pull out.')
    double_parked_per_min: float = _per_minute(
        0.5, 'Trucks that stop on a driving lane with hazard lights.'
    )
    emergency_per_min: float = _per_minute(0.3, 'Emergency vehicles on call.')
    red_light_runner_per_min: float = _per_minute(0.5, 'Drivers who pass a red light.')
    phone_pedestrian_per_min: float = _per_minute(
        0.5, 'Phone holders who step off late before the ego.'
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Weather:
    """What dims the sensors."""

    night: bool = parameter(False, 'It is dark.')
    visibility_m: float = parameter(
        10000.0,
        'Meteorological visibility; below 1000 m it is called fog.',
        unit='m',
        low=20.0,
        high=50000.0,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class EgoWishes:
    """Where the robotaxi drives."""

    prefer: str = parameter(
        'mixed',
        'Which way it takes where it may choose.',
        choices=('mixed', 'straight', 'left', 'right'),
    )
    street: str = parameter(
        'any',
        'Kind of street it starts on.',
        choices=('any', 'arterial', 'collector', 'residential'),
    )

    def __post_init__(self) -> None:
        check(self)
