"""How a city is laid out: a grid of streets, what meets where they cross, and what streets are
made of.
"""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.errors import ParameterError
from prediction_node.domain.parameter import check, parameter

STREET_KINDS = ('arterial', 'collector', 'residential')
JUNCTION_KINDS = (
    'signal',  # traffic lights
    'priority',  # the lesser street gives way
    'stop',  # the lesser street stops
    'all_way_stop',
    'right_before_left',
    'roundabout',
)
MAX_STREETS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """C streets from south to north cross R streets from west to east; all of them run on into
    arms that end at the fringe of the city, where traffic enters and leaves.
    """

    columns: tuple[str, ...] = parameter(
        ('collector', 'collector'),
        'Kinds of the streets that run north, from west to east.',
        choices=STREET_KINDS,
    )
    rows: tuple[str, ...] = parameter(
        ('collector', 'collector'),
        'Kinds of the streets that run east, from south to north.',
        choices=STREET_KINDS,
    )
    junctions: tuple[str, ...] = parameter(
        ('signal',),
        'What meets where they cross, row by row from south-west; one entry serves all.',
        choices=JUNCTION_KINDS,
    )
    block_m: float = parameter(
        120.0, 'Distance between neighbouring streets.', unit='m', low=70.0, high=600.0
    )
    arm_m: float = parameter(
        120.0, 'Length of the arms at the fringe.', unit='m', low=60.0, high=1000.0
    )
    irregularity: float = parameter(
        0.06, 'How far junctions lie off the grid, share of a block.', low=0.0, high=0.15
    )
    bend_m: float = parameter(
        5.0, 'How far streets swing out between junctions.', unit='m', low=0.0, high=15.0
    )
    closed_arms: int = parameter(
        0, 'Arms left out, so that junctions with three arms remain.', low=0, high=12
    )
    crosswalk_share: float = parameter(
        0.8, 'Share of arms with a crosswalk where no lights are.', low=0.0, high=1.0
    )
    roundabout_radius_m: float = parameter(
        18.0, 'Radius of the island of roundabouts.', unit='m', low=16.0, high=30.0
    )
    building_share: float = parameter(
        0.8, 'Share of the street front that is built up.', low=0.0, high=1.0
    )
    setback_m: float = parameter(
        1.5, 'Between the sidewalk and the buildings.', unit='m', low=0.5, high=15.0
    )

    def __post_init__(self) -> None:
        check(self)
        for name in ('columns', 'rows'):
            count = len(getattr(self, name))
            if not 1 <= count <= MAX_STREETS:
                raise ParameterError(f'{name} must name 1 to {MAX_STREETS} streets, got {count}')
        crossings = len(self.columns) * len(self.rows)
        if len(self.junctions) not in (1, crossings):
            raise ParameterError(
                f'junctions must hold 1 or {crossings} entries (rows times columns), '
                f'got {len(self.junctions)}'
            )

    def junction(self, column: int, row: int) -> str:
        """What meets where this column crosses this row."""
        if len(self.junctions) == 1:
            return self.junctions[0]
        return self.junctions[row * len(self.columns) + column]


@dataclass(frozen=True, slots=True)
class Street:
    """One direction of a street; the other is its mirror image."""

    lanes: int = parameter(1, 'Driving lanes in each direction.', low=1, high=4)
    lane_width_m: float = parameter(3.2, 'Width of a driving lane.', unit='m', low=2.6, high=4.5)
    speed_limit_mps: float = parameter(13.89, 'Speed limit.', unit='m/s', low=2.5, high=30.0)
    turn_lane: bool = parameter(False, 'A lane of its own for left turns before lights.')
    bicycle_lane: bool = parameter(False, 'A bicycle lane beside the sidewalk.')
    parking_lane: bool = parameter(False, 'A lane at the kerb where cars park.')
    sidewalk_width_m: float = parameter(2.4, 'Width of the sidewalk.', unit='m', low=1.2, high=6.0)

    def __post_init__(self) -> None:
        check(self)


ARTERIAL = Street(lanes=2, speed_limit_mps=16.67, turn_lane=True, bicycle_lane=True)
COLLECTOR = Street(bicycle_lane=True)
RESIDENTIAL = Street(lane_width_m=3.0, speed_limit_mps=8.33, parking_lane=True)
