"""The node's score of itself, on a topic, in diagnostics and, on request, as recordings."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from rclpy.lifecycle import LifecycleNode

from prediction_node.conditional.answers import Answers
from prediction_node.config import Config
from prediction_node.domain.errors import PredictionNodeError
from prediction_node.pipeline import Release, inputs
from prediction_node.ros import quality
from prediction_node.scorecard.moments import Channel, Saving
from prediction_node.scorecard.witness import Witness

_PERIOD_NS = 1_000_000_000
_END_S = 10.0  # for a recording that is being written


class SelfAssessment:
    """Exists from configure to clean-up."""

    def __init__(self, node: LifecycleNode, config: Config, *, simulated: bool) -> None:
        """`simulated`: arrivals are told in simulated time, not by the steady clock."""
        self._node, self._config, self._simulated = node, config, simulated
        channels = {e.name: Channel(e.topic, e.type, e.latched) for e in inputs(config)}
        self.witness = Witness(config.scorecard, channels)
        text = quality.message_class('std_msgs/msg/String')
        self._text = text
        self._publisher = node.create_lifecycle_publisher(text, '~/debug/scorecard', quality.OUTPUT)
        self._service = self._offer_saving()
        self._saver: threading.Thread | None = None
        self._published_ns = 0
        self.saved: list[str] = []
        self.save_error = ''

    def _offer_saving(self) -> Any:
        """The service; None without its message package: the node predicts all the same."""
        try:
            trigger = quality.service_class('std_srvs/srv/Trigger')
        except ImportError as error:
            self._node.get_logger().warning(f'worst moments cannot be saved: {error}')
            return None
        return self._node.create_service(trigger, '~/save_worst_moments', self._on_save)

    def see(self, release: Release) -> None:
        """After a release was published."""
        self.witness.see(release)
        now_ns = time.monotonic_ns()
        if now_ns - self._published_ns < _PERIOD_NS:
            return
        self._published_ns = now_ns
        if self._publisher.get_subscription_count():
            self._publisher.publish(self._text(data=json.dumps(self.figures())))

    def see_answers(self, answers: Answers) -> None:
        """After answers were published."""
        self.witness.see_answers(answers)

    def figures(self) -> dict[str, Any]:
        """Everything that `~/debug/scorecard` says."""
        return {
            **self.witness.scorecard.figures(),
            'worst_moments': [
                {'stamp_ns': miss.stamp_ns, 'what': str(miss)}
                for miss in self.witness.moments.worst
            ],
        }

    def _on_save(self, request: Any, response: Any) -> Any:
        if self._saver is not None and self._saver.is_alive():
            response.success, response.message = False, 'the last request is still being written'
            return response
        saving = self.witness.moments.take()
        folder = Path(self._config.scorecard.folder).resolve()
        count = len(saving.moments)
        response.success = bool(count)
        response.message = f'{count} moments go to {folder}' if count else 'there are none yet'
        if count:
            self._saver = threading.Thread(target=self._save, args=(saving, folder), daemon=True)
            self._saver.start()
        return response

    def _save(self, saving: Saving, folder: Path) -> None:
        """In a thread of its own: the cycle does not wait for the disk."""
        offset_ns = 0 if self._simulated else time.time_ns() - time.monotonic_ns()
        map_path = Path(self._config.map.path) if self._config.map.path else None
        try:
            written = saving.write(folder, map_path, offset_ns)
        except PredictionNodeError as error:
            self.save_error = str(error)
            self._node.get_logger().error(f'worst moments: {error}')
            return
        self.saved = [str(path) for path in written]
        for path, moment in zip(written, saving.moments, strict=True):
            self._node.get_logger().info(f'worst moment: {moment.miss}, saved as {path}')

    def destroy(self) -> None:
        """Give topic and service back, and wait for what is being written."""
        if self._saver is not None:
            self._saver.join(_END_S)
        if self._service is not None:
            self._node.destroy_service(self._service)
        self._node.destroy_lifecycle_publisher(self._publisher)
