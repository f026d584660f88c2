"""Parameters of the map reader."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter

PROJECTIONS = ('centred', 'utm', 'mgrs', 'local_cartesian', 'transverse_mercator')
COORDINATES = ('auto', 'local', 'projected')


@dataclass(frozen=True, slots=True)
class ProjectionParameters:
    """How the map's points become metres in the vehicle's map frame; docs/maps.md tells the
    choices.
    """

    coordinates: str = parameter(
        'auto',
        'which coordinates count: "local" are the points\' own local_x and local_y, "projected" '
        'latitude and '
        'longitude (or the coordinates inside an archive), "auto" is local where points carry them',
        choices=COORDINATES,
        fixed_after_configure=True,
    )
    kind: str = parameter(
        'centred',
        'projection for points without local coordinates; "centred" is a transverse Mercator '
        'projection '
        'about the middle of the map',
        choices=PROJECTIONS,
        fixed_after_configure=True,
    )
    origin_latitude_deg: float = parameter(
        0.0,
        'origin of the projection',
        unit='deg',
        low=-90.0,
        high=90.0,
        fixed_after_configure=True,
    )
    origin_longitude_deg: float = parameter(
        0.0,
        'origin of the projection',
        unit='deg',
        low=-180.0,
        high=180.0,
        fixed_after_configure=True,
    )
    origin_altitude_m: float = parameter(
        0.0,
        'subtracted from elevations by local_cartesian',
        unit='m',
        low=-1e4,
        high=1e4,
        fixed_after_configure=True,
    )
    mgrs_grid: str = parameter(
        '',
        'square of the mgrs projection such as 54SUE; empty: the square of the first point',
        fixed_after_configure=True,
    )
    scale_factor: float = parameter(
        0.9996,
        'scale on the central meridian of transverse_mercator',
        low=0.9,
        high=1.1,
        fixed_after_configure=True,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class MapLimits:
    """Bounds that hold before anything is allocated, so that no file can exhaust the vehicle's
    memory.
    """

    max_bytes: int = parameter(
        512 * 1024 * 1024,
        'largest map file or blob',
        unit='bytes',
        low=1024,
        high=2**33,
        fixed_after_configure=True,
    )
    max_points: int = parameter(
        4_000_000, 'most points of a map', low=1, high=50_000_000, fixed_after_configure=True
    )
    max_elements: int = parameter(
        2_000_000,
        'most ways, lanelets, areas and rules of a map together',
        low=1,
        high=50_000_000,
        fixed_after_configure=True,
    )
    max_parts: int = parameter(
        10_000,
        'most points of one way and members of one relation',
        low=16,
        high=1_000_000,
        fixed_after_configure=True,
    )
    max_tags: int = parameter(
        64, 'most tags of one element', low=8, high=10_000, fixed_after_configure=True
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class ReadingParameters:
    """What the reader makes of a map beyond its words."""

    strict: bool = parameter(
        True,
        'refuse a map with faulty elements; false: leave them out or repair them and warn',
        fixed_after_configure=True,
    )
    centreline_step_m: float = parameter(
        2.0,
        'spacing of computed centrelines',
        unit='m',
        low=0.2,
        high=20.0,
        fixed_after_configure=True,
    )
    centreline_overrun_m: float = parameter(
        1.0,
        'how far a drawn centreline may leave its lanelet before that is a fault',
        unit='m',
        low=0.0,
        high=10.0,
        fixed_after_configure=True,
    )
    derive_turns: bool = parameter(
        True,
        'give lanes that branch off and carry no turn_direction one from their shape '
        '(more than 45 degrees is a turn, less than 20 degrees is straight on)',
        fixed_after_configure=True,
    )

    def __post_init__(self) -> None:
        check(self)
