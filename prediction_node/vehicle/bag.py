"""A recording seen by modelled sensors as a rosbag2 folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from prediction_node.bags.writer import BagWriter
from prediction_node.domain.recording import Recording
from prediction_node.simulation.sensors.messages import MESSAGE_TYPES
from prediction_node.simulation.sensors.parameters import SuiteParameters, topic_of
from prediction_node.vehicle.messages import ODOMETRY, SIGNALS, TF, TF_STATIC, TRUTH, messages

TRACKED_OBJECTS = 'autoware_perception_msgs/msg/TrackedObjects'
TF_MESSAGE = 'tf2_msgs/msg/TFMessage'


def write_bag(
    recording: Recording,
    suite: SuiteParameters,
    seed: int,
    folder: Path,
    progress: Callable[[float], None] = lambda share: None,
    *,
    buildings: Sequence[np.ndarray] = (),
    level: int = 9,
) -> int:
    """Write everything of `messages` to a rosbag2 folder in MCAP; returns how many.

    The same input gives the same bytes. `progress` hears the share done, 0 to 1. `buildings`
    (K, 2) hide what is behind them. `level` is zstd's: 9 is for files to keep. Raises BagError, and
    DataError if the recording has no robotaxi.
    """
    start_ns = int(recording.stamp_ns[0])
    span_ns = max(1, int(recording.stamp_ns[-1]) - start_ns)
    count = 0
    with BagWriter(folder, level=level) as bag:
        bag.add_topic(TF_STATIC, TF_MESSAGE, latched=True)
        bag.add_topic(TF, TF_MESSAGE)
        bag.add_topic(ODOMETRY, 'nav_msgs/msg/Odometry')
        bag.add_topic(SIGNALS, 'autoware_perception_msgs/msg/TrafficLightGroupArray')
        bag.add_topic(TRUTH, TRACKED_OBJECTS)
        for name, sensor in suite.sensors.items():
            bag.add_topic(topic_of(name, sensor), MESSAGE_TYPES[sensor.kind], reliable=False)
        for message in messages(recording, suite, seed, buildings=buildings):
            bag.write(message.topic, message.log_ns, message.data)
            count += 1
            progress(min(1.0, (message.log_ns - start_ns) / span_ns))
    return count
