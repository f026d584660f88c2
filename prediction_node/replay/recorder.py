"""The recording that a replay leaves: all inputs as they were, and what was predicted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from prediction_node.bags.metadata import FILE_NAME
from prediction_node.bags.values import Message, Topic
from prediction_node.bags.writer import BagWriter
from prediction_node.domain.errors import BagError
from prediction_node.pipeline import Release
from prediction_node.replay.topics import (
    MARKERS_TOPIC,
    TRACKS_TOPIC,
    TRUTH_MARKERS_TOPIC,
    UNCERTAINTY_TOPIC,
    TopicMapping,
)

NAME = 'predictions'


class Recorder:
    """Writes `folder/predictions.mcap` and its metadata.yaml; both appear when it closes well.

    Raises BagError if the folder holds another recording: its metadata.yaml would be lost.
    """

    def __init__(self, folder: Path, recorded: Iterable[Topic], mapping: TopicMapping) -> None:
        refuse_foreign_folder(folder)
        self._objects_topic = mapping.config.topics.objects
        self._copied: set[str] = set()
        # The fastest level: predictions are 20 MB a second, and their digits hardly compress.
        self._bag = BagWriter(folder, NAME, level=-1)
        try:
            self._declare(recorded, mapping)
        except BaseException:
            self._bag.abort()
            raise

    def _declare(self, recorded: Iterable[Topic], mapping: TopicMapping) -> None:
        for topic in recorded:
            if topic.name in mapping.outputs or topic.name in self._copied:
                continue
            self._bag.add_topic(
                topic.name,
                topic.type,
                profiles=topic.qos or None,
                definition=topic.definition or None,
                type_hash=topic.type_hash or None,
            )
            self._copied.add(topic.name)
        self._bag.add_topic(self._objects_topic, 'autoware_perception_msgs/msg/PredictedObjects')
        self._bag.add_topic(TRACKS_TOPIC, 'autoware_perception_msgs/msg/TrackedObjects')
        self._bag.add_topic(UNCERTAINTY_TOPIC, 'std_msgs/msg/Float32MultiArray')
        self._bag.add_topic(MARKERS_TOPIC, 'visualization_msgs/msg/MarkerArray')
        self._bag.add_topic(TRUTH_MARKERS_TOPIC, 'visualization_msgs/msg/MarkerArray')

    @property
    def path(self) -> Path:
        return self._bag.path

    def copy(self, message: Message) -> None:
        """Keep an input as it is."""
        if message.topic in self._copied:
            self._bag.write(message.topic, message.log_ns, message.data)

    def record(self, release: Release) -> None:
        """Add what a release gives, at the log time of the release."""
        instant = release.release_ns
        self._bag.write(self._objects_topic, instant, release.objects_cdr)
        self._bag.write(TRACKS_TOPIC, instant, release.tracks_cdr)
        self._bag.write(UNCERTAINTY_TOPIC, instant, release.uncertainty_cdr)
        self._bag.write(MARKERS_TOPIC, instant, release.markers_cdr)

    def record_truth(self, release_ns: int, markers: bytes) -> None:
        """Add what became of a release, some seconds later, at the log time of the release."""
        self._bag.write(TRUTH_MARKERS_TOPIC, release_ns, markers, late=True)

    def close(self) -> None:
        self._bag.close()

    def abort(self) -> None:
        self._bag.abort()


def refuse_foreign_folder(folder: Path) -> None:
    """Raise BagError if `folder` holds a recording that is not a replay's own."""
    described = folder / FILE_NAME
    if not described.exists():
        return
    try:
        content = yaml.safe_load(described.read_text(encoding='utf-8'))
        files = content['rosbag2_bagfile_information']['relative_file_paths']
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        files = None
    if files != [f'{NAME}.mcap']:
        raise BagError(f'{folder} holds another recording; choose another folder for --out')
