"""What one cycle found, and the messages made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from prediction_node import cdr, markers, output
from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import MAP
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.lights import LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.stamps import STEP_NS
from prediction_node.observation.health import ObservationHealth

_MAP_MARKER_PERIOD = 10  # cycles


@dataclass(frozen=True)
class Release:
    """What one cycle found. Message bytes are made when first asked for."""

    release_ns: int  # instant on the clock of `receive` and `release`
    stamp_ns: int  # the scene's time, stamp of all outputs
    mode: str  # nominal, degraded or lost
    reasons: tuple[str, ...]  # why it is not nominal
    prediction: Prediction  # of the agents that are published
    agents: Agents  # all fused agents, published or shed
    ego: Ego | None
    lights: LightStates
    lane_map: LaneMap | None
    health: ObservationHealth
    notice: str  # why all memories were emptied before this cycle, empty if they were not
    shed: int  # agents left out because there were too many
    timings_ms: dict[str, float] = field(default_factory=dict)  # wall time of the parts
    frame_id: str = MAP  # of all that is published

    @cached_property
    def objects_cdr(self) -> bytes:
        """autoware_perception_msgs/PredictedObjects."""
        return cdr.write_predicted_objects(
            output.predicted_objects(self.prediction, frame_id=self.frame_id)
        )

    @cached_property
    def tracks_cdr(self) -> bytes:
        """autoware_perception_msgs/TrackedObjects."""
        return cdr.write_tracked_objects(
            output.tracked_objects(self.agents, frame_id=self.frame_id)
        )

    @cached_property
    def uncertainty_cdr(self) -> bytes:
        """std_msgs/Float32MultiArray, see output.uncertainty."""
        values, labels = output.uncertainty(self.prediction)
        return cdr.write_float32_multi_array(values, labels)

    @cached_property
    def markers_cdr(self) -> bytes:
        """visualization_msgs/MarkerArray of agents, futures and lights; with the map about once a
        second.
        """
        shown = markers.scene_markers(
            self.prediction, self.agents, self.ego, self.lane_map, self.lights
        )
        if self.release_ns // STEP_NS % _MAP_MARKER_PERIOD == 0:
            shown += markers.map_markers(self.lane_map)
        return cdr.write_marker_array(shown, self.stamp_ns, self.frame_id)
