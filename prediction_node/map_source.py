"""Where the map comes from: a file, or a map message."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from prediction_node import cdr
from prediction_node.config import MapParameters
from prediction_node.domain.errors import MapError, MessageError
from prediction_node.domain.lane_map import LaneMap
from prediction_node.lanelet.load import load_map, load_map_bin
from prediction_node.lanelet.validate import validate


def map_from_file(path: Path | str, parameters: MapParameters) -> LaneMap:
    """A Lanelet2 map (.osm or .bin), with a warning for whatever in it cannot be right.

    Raises MapError naming file and element.
    """
    lane_map = load_map(
        path,
        projection=parameters.projection,
        limits=parameters.limits,
        reading=parameters.reading,
    )
    return _checked(lane_map)


def map_from_message(data: bytes, parameters: MapParameters) -> LaneMap:
    """The map in a LaneletMapBin message (CDR bytes). Raises MapError naming rule or element."""
    try:
        blob = cdr.read_lanelet_map_bin(data).data
    except MessageError as error:
        raise MapError(f'map message: {error}') from None
    lane_map = load_map_bin(
        blob,
        source='map message',
        projection=parameters.projection,
        limits=parameters.limits,
        reading=parameters.reading,
    )
    return _checked(lane_map)


def _checked(lane_map: LaneMap) -> LaneMap:
    warnings = (*lane_map.warnings, *validate(lane_map))
    return dataclasses.replace(lane_map, warnings=warnings)
