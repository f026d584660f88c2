"""From a scene to what the encoder reads, but for the rasters."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.frames import Transform
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.map_memory import MapMemory
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.domain.tensors import Sizes
from prediction_node.tensors.actors import actor_tensors, proposal_tensors
from prediction_node.tensors.graph import map_tensors
from prediction_node.tensors.map_nodes import MapNodes


def encode(
    scene: Scene,
    proposals: Prediction | None,
    sizes: Sizes,
    view: Transform | None = None,
    nodes: MapNodes | None = None,
) -> dict[str, np.ndarray]:
    """The tensors of `domain.tensors.encoder_inputs(sizes)` but the rasters.

    `proposals` are of `scene.agents`, same order; None leaves them 0. `view` is map_from_view, by
    default the robotaxi's base_link. `nodes` are those of `scene.lane_map`, found anew where None.
    Raises ValueError where the scene does not fit into `sizes`.
    """
    view = view or scene.ego.map_from_base
    arrays = actor_tensors(scene, sizes, view)
    arrays |= proposal_tensors(scene.agents, proposals, sizes)
    if sizes.map_nodes:
        if nodes is None:
            nodes = MapNodes.of(scene.lane_map)
        arrays |= map_tensors(scene, nodes, sizes, view)
    return arrays


class NodeMemory:
    """The nodes of the maps seen last: networks of all sizes share them."""

    def __init__(self, maps: int = 2) -> None:
        """`maps`: how many maps are remembered."""
        self._known: MapMemory[MapNodes] = MapMemory(maps)
        self._nowhere = MapNodes.of(None)

    def nodes_of(self, lane_map: LaneMap | None) -> MapNodes:
        """The nodes of a map, found at its first use."""
        return self._nowhere if lane_map is None else self._known.of(lane_map, MapNodes.of)

    def keep(self, lane_map: LaneMap, nodes: MapNodes) -> None:
        """Remember nodes of a map that were found elsewhere."""
        self._known.keep(lane_map, nodes)


class Encoder:
    """`encode` for networks of one size, with maps that are remembered."""

    def __init__(self, sizes: Sizes, memory: NodeMemory | None = None) -> None:
        """`memory` None: one of its own."""
        self._sizes = sizes
        self._memory = memory or NodeMemory()

    def encode(
        self, scene: Scene, proposals: Prediction | None, view: Transform | None = None
    ) -> dict[str, np.ndarray]:
        """See `encode`."""
        nodes = self._memory.nodes_of(scene.lane_map) if self._sizes.map_nodes else None
        return encode(scene, proposals, self._sizes, view, nodes)
