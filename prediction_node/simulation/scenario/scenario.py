"""A scenario: everything that, with a seed, makes a city and its traffic."""

from __future__ import annotations

from dataclasses import dataclass, field

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.parameter import check, parameter
from prediction_node.simulation.scenario.layout import (
    ARTERIAL,
    COLLECTOR,
    RESIDENTIAL,
    Layout,
    Street,
)
from prediction_node.simulation.scenario.traffic import (
    Behaviour,
    Demand,
    EgoWishes,
    Events,
    Weather,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a scenario file says; what it leaves out has these defaults."""

    name: str = parameter('city', 'Name, for file names and reports.')
    description: str = parameter('', 'What it is for, in a sentence.')
    layout: Layout = field(default_factory=Layout)
    arterial: Street = field(default=ARTERIAL)
    collector: Street = field(default=COLLECTOR)
    residential: Street = field(default=RESIDENTIAL)
    demand: Demand = field(default_factory=Demand)
    behaviour: Behaviour = field(default_factory=Behaviour)
    events: Events = field(default_factory=Events)
    weather: Weather = field(default_factory=Weather)
    ego: EgoWishes = field(default_factory=EgoWishes)

    def __post_init__(self) -> None:
        check(self)
        for row, along_row in enumerate(self.layout.rows):
            for column, along_column in enumerate(self.layout.columns):
                if self.layout.junction(column, row) != 'roundabout':
                    continue
                for kind in (along_row, along_column):
                    lanes = self.street(kind).lanes
                    if lanes > 1:
                        raise ParameterError(
                            f'layout.junctions must have a roundabout only where streets with one '
                            f'lane cross, got one in column {column}, row {row}, where {kind} has '
                            f'{lanes} lanes'
                        )

    def street(self, kind: str) -> Street:
        """What streets of a kind (one of STREET_KINDS) are made of."""
        streets = {
            'arterial': self.arterial,
            'collector': self.collector,
            'residential': self.residential,
        }
        return streets[kind]
