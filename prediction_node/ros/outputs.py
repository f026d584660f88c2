"""Publishers of the node. Apart from the objects, messages are built only when someone listens."""

from __future__ import annotations

import time

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from prediction_node import cdr
from prediction_node.conditional.answers import Answers
from prediction_node.config import Config
from prediction_node.domain.frames import BASE_LINK
from prediction_node.domain.stamps import to_sec_nanosec
from prediction_node.pipeline import Pipeline, Release
from prediction_node.raster import montage
from prediction_node.ros import quality

_RASTER_PERIOD_NS = 500_000_000


class Outputs:
    """All topics out but the diagnostics.

    Raises ImportError naming the package if a message package is missing.
    """

    def __init__(self, node: LifecycleNode, config: Config, *, answers: bool = True) -> None:
        """`answers`: to the planner's candidates, too."""
        self._node = node
        objects = quality.message_class('autoware_perception_msgs/msg/PredictedObjects')
        tracks = quality.message_class('autoware_perception_msgs/msg/TrackedObjects')
        array = quality.message_class('std_msgs/msg/Float32MultiArray')
        markers = quality.message_class('visualization_msgs/msg/MarkerArray')
        self._time_type = quality.message_class('autoware_internal_debug_msgs/msg/Float64Stamped')
        self._publishers: list[Publisher] = []
        self._objects = self._create(objects, config.topics.objects)
        self._tracks = self._create(tracks, '~/output/tracks')
        self._uncertainty = self._create(array, '~/output/uncertainty')
        self._markers = self._create(markers, '~/debug/markers')
        self._processing_time = self._create(self._time_type, '~/debug/processing_time_ms')
        self._response = self._create(self._time_type, '~/debug/response_ms')
        self._answer_time = self._create(self._time_type, '~/debug/answers_ms')
        image = quality.message_class('sensor_msgs/msg/Image')
        self._raster = self._create(image, '~/debug/raster')
        self._raster_ns = 0
        self._conditioned = self._scored = None
        if answers:
            scored = quality.message_class(
                'autoware_internal_planning_msgs/msg/ScoredCandidateTrajectories'
            )
            self._conditioned = self._create(
                objects, '~/output/conditioned_objects', quality.ANSWERS
            )
            self._scored = self._create(scored, '~/output/scored_candidates', quality.ANSWERS)

    def _create(self, message: type, topic: str, profile: QoSProfile = quality.OUTPUT) -> Publisher:
        publisher = self._node.create_lifecycle_publisher(message, topic, profile)
        self._publishers.append(publisher)
        return publisher

    def publish(self, release: Release) -> int:
        """Publish the predictions, then what goes with them. Returns when the predictions were
        out (monotonic ns).
        """
        self._objects.publish(release.objects_cdr)
        published_ns = time.monotonic_ns()
        if self._uncertainty.get_subscription_count():
            self._uncertainty.publish(release.uncertainty_cdr)
        if self._tracks.get_subscription_count():
            self._tracks.publish(release.tracks_cdr)
        return published_ns

    def publish_debug(self, release: Release, processing_ms: float, response_ms: float) -> None:
        """Markers, processing time and response (from the scheduled release), for those who
        listen.
        """
        if self._markers.get_subscription_count():
            self._markers.publish(release.markers_cdr)
        self._publish_time(self._processing_time, release.stamp_ns, processing_ms)
        self._publish_time(self._response, release.stamp_ns, response_ms)

    def publish_answer_time(self, stamp_ns: int, took_ms: float) -> None:
        """How long the answers to a request took, publishing included, for those who listen."""
        self._publish_time(self._answer_time, stamp_ns, took_ms)

    def _publish_time(self, publisher: Publisher, stamp_ns: int, value_ms: float) -> None:
        if publisher.get_subscription_count():
            message = self._time_type()
            message.stamp.sec, message.stamp.nanosec = to_sec_nanosec(stamp_ns)
            message.data = value_ms
            publisher.publish(message)

    def publish_raster(self, pipeline: Pipeline, stamp_ns: int) -> None:
        """All channels that the network saw, side by side; twice a second if someone looks."""
        now_ns = time.monotonic_ns()
        if now_ns - self._raster_ns < _RASTER_PERIOD_NS:
            return
        if not self._raster.get_subscription_count():
            return
        raster = pipeline.raster
        if raster is not None:
            self._raster_ns = now_ns
            self._raster.publish(cdr.write_image(montage(raster), stamp_ns, BASE_LINK))

    def publish_answers(self, answers: Answers) -> None:
        """Scores first, then one message per answered candidate in request order."""
        if self._scored is not None and self._scored.get_subscription_count():
            self._scored.publish(answers.scored_cdr)
        if self._conditioned is not None and self._conditioned.get_subscription_count():
            for data in answers.objects_cdr:
                self._conditioned.publish(data)

    def destroy(self) -> None:
        """Give all publishers back."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers.clear()
