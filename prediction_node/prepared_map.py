"""A map with all that predicting on it needs to know: found once, in any process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prediction_node.domain.lane_map import LaneMap
from prediction_node.inference.kinematic.parameters import KinematicParameters
from prediction_node.inference.kinematic.road import Road

if TYPE_CHECKING:
    from prediction_node.raster import DrawnMap
    from prediction_node.tensors.map_nodes import MapNodes


@dataclass(frozen=True, slots=True, eq=False)
class PreparedMap:
    """Routes for the kinematic predictor; for a learned one nodes and pictures too."""

    road: Road
    nodes: MapNodes | None = None
    drawn: DrawnMap | None = None

    @property
    def lane_map(self) -> LaneMap | None:
        return self.road.lane_map

    @classmethod
    def of(
        cls,
        lane_map: LaneMap,
        parameters: KinematicParameters,
        *,
        learned: bool,
        place_m: np.ndarray | None = None,
    ) -> PreparedMap:
        """`learned`: a network will predict. `place_m` (2 or more,): where the robotaxi is, around
        which the map is drawn already.
        """
        road = Road.of(lane_map, parameters)
        if not learned:
            return cls(road)
        # Only who asks a network needs what it sees of maps.
        from prediction_node.raster import Rasterizer
        from prediction_node.tensors.map_nodes import MapNodes

        return cls(road, MapNodes.of(lane_map), Rasterizer().drawn(lane_map, place_m))
