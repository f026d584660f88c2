"""Which topic of a recording feeds which input: by name, else by message type, else by the user's
word.

Any track message type may serve any modality, and a recording may hold several sensors of one: the
sources of the configuration are matched to the topics found, and further sources are added where
more topics of tracks are found than the configuration names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from prediction_node.bags.values import Topic
from prediction_node.config import Config
from prediction_node.domain.errors import ParameterError
from prediction_node.observation.observer import ODOMETRY
from prediction_node.observation.parameters import SOURCE_TYPES, SourceParameters
from prediction_node.pipeline import TF_STATIC, VECTOR_MAP, inputs

GROUND_TRUTH = 'ground_truth'
GROUND_TRUTH_TOPIC = '/ground_truth/objects'
GROUND_TRUTH_TYPE = 'autoware_perception_msgs/msg/TrackedObjects'

TRACKS_TOPIC = '/prediction/output/tracks'
UNCERTAINTY_TOPIC = '/prediction/output/uncertainty'
MARKERS_TOPIC = '/prediction/debug/markers'
TRUTH_MARKERS_TOPIC = '/prediction/debug/truth'

BY_NAME, BY_TYPE, BY_USER, ABSENT = 'by name', 'by type', 'by --topics', 'not in the recording'

# Words in topic names that tell the modality when the message type does not.
_HINTS = {
    'thermal': ('thermal', 'infrared', 'lwir'),
    'camera': ('camera', 'image', 'vision'),
    'lidar': ('lidar', 'laser', 'pointcloud'),
    'radar': ('radar',),
}


@dataclass(frozen=True)
class MappedInput:
    """One input of the pipeline and the topic that feeds it; `topic` None: none does."""

    name: str
    type: str
    topic: str | None
    messages: int
    how: str


@dataclass(frozen=True)
class TopicMapping:
    """`rows`: the pipeline's inputs, ground truth last. `config`: with sources to match."""

    rows: tuple[MappedInput, ...]
    config: Config
    outputs: tuple[str, ...]  # topics that replay itself writes: never an input, never copied

    def topic_of(self, name: str) -> str | None:
        return next((row.topic for row in self.rows if row.name == name), None)

    def pipeline_inputs(self, *, recorded_map: bool) -> dict[str, str]:
        """Topic -> input of the pipeline; the recorded map only if it is wanted."""
        left_out = (GROUND_TRUTH,) if recorded_map else (GROUND_TRUTH, VECTOR_MAP)
        return {r.topic: r.name for r in self.rows if r.topic and r.name not in left_out}


def load_overrides(path: Path) -> dict[str, str]:
    """`--topics FILE`: YAML of input name -> topic. Raises ParameterError naming file and key."""
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ParameterError(f'{path} cannot be read: {error.strerror}') from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f'{path} is not YAML: {" ".join(str(error).split())}') from None
    if not isinstance(content, dict):
        raise ParameterError(f'{path} must hold lines such as "odometry: /topic"')
    for name, topic in content.items():
        if not isinstance(name, str) or not isinstance(topic, str) or not topic.startswith('/'):
            raise ParameterError(f'{path}: {name} must name a topic (/...), got {topic!r}')
    return content


def map_topics(
    recorded: Iterable[Topic], config: Config, overrides: Mapping[str, str] | None = None
) -> TopicMapping:
    """Match topics of a recording to the inputs of a pipeline with this configuration.

    Raises ParameterError for an override that names an unknown input, a topic that the recording
    lacks, or one whose type does not fit.
    """
    outputs = (
        config.topics.objects,
        TRACKS_TOPIC,
        UNCERTAINTY_TOPIC,
        MARKERS_TOPIC,
        TRUTH_MARKERS_TOPIC,
    )
    usable = {
        t.name: t for t in recorded if t.count > 0 and not t.foreign and t.name not in outputs
    }
    matcher = _Matcher(usable, config)
    matcher.by_user(dict(overrides or {}))
    matcher.by_name()
    matcher.by_type()
    return TopicMapping(matcher.rows(), matcher.config(), outputs)


class _Matcher:
    def __init__(self, usable: dict[str, Topic], config: Config) -> None:
        self._usable = usable
        self._config = config
        self._sources = {s.name: s for s in config.sources}
        self._wanted = {i.name: (i.topic, i.type) for i in inputs(config)}
        self._wanted[GROUND_TRUTH] = (GROUND_TRUTH_TOPIC, GROUND_TRUTH_TYPE)
        self._found: dict[str, tuple[Topic, str]] = {}

    def _free(self) -> list[Topic]:
        taken = {topic.name for topic, _ in self._found.values()}
        return [t for name, t in sorted(self._usable.items()) if name not in taken]

    def _fits(self, name: str, topic: Topic) -> bool:
        if name in self._sources:
            return topic.type in SOURCE_TYPES
        return topic.type == self._wanted[name][1]

    def by_user(self, overrides: dict[str, str]) -> None:
        for name, topic_name in overrides.items():
            if name not in self._wanted:
                known = ', '.join(self._wanted)
                raise ParameterError(f'--topics: {name!r} is no input; inputs are {known}')
            topic = self._usable.get(topic_name)
            if topic is None:
                raise ParameterError(f'--topics: the recording has no usable topic {topic_name}')
            if not self._fits(name, topic):
                raise ParameterError(f'--topics: {topic_name} is {topic.type}, unfit for {name}')
            self._found[name] = (topic, BY_USER)

    def by_name(self) -> None:
        for name, (topic_name, _) in self._wanted.items():
            topic = self._usable.get(topic_name)
            if name not in self._found and topic in self._free() and self._fits(name, topic):
                self._found[name] = (topic, BY_NAME)

    def by_type(self) -> None:
        for name, (_, message_type) in self._wanted.items():
            if name in self._sources or name in self._found or name == GROUND_TRUTH:
                continue
            rivals = [t for t in self._free() if t.type == message_type]
            if message_type == self._wanted[TF_STATIC][1]:
                rivals = [t for t in rivals if ('static' in t.name) == (name == TF_STATIC)]
            if rivals:
                best = min(rivals, key=lambda t: ('localization' not in t.name, -t.count, t.name))
                self._found[name] = (best, BY_TYPE)
        for topic in self._free():
            if topic.type in SOURCE_TYPES and topic.name != GROUND_TRUTH_TOPIC:
                self._found[self._source_for(topic)] = (topic, BY_TYPE)

    def _source_for(self, topic: Topic) -> str:
        """The name of a source without topic that suits this one, or of one made for it."""
        words = topic.name.lower()
        hint = next((m for m, ws in _HINTS.items() if any(w in words for w in ws)), None)
        alike = (
            [s for s in self._sources.values() if s.modality == hint]
            if hint
            else [s for s in self._sources.values() if s.type == topic.type]
        )
        for source in alike:
            if source.name not in self._found:
                return source.name
        made = SourceParameters(name=hint or 'tracks', type=topic.type, modality=hint or 'lidar')
        template = alike[0] if alike else made
        name, number = template.name, 2
        while name in self._sources:
            name, number = f'{template.name}_{number}', number + 1
        self._sources[name] = dataclasses.replace(template, name=name)
        self._wanted[name] = (topic.name, topic.type)
        return name

    def config(self) -> Config:
        sources = []
        for name, source in self._sources.items():
            found = self._found.get(name)
            if found is not None:
                source = dataclasses.replace(source, topic=found[0].name, type=found[0].type)
            sources.append(source)
        return dataclasses.replace(self._config, sources=tuple(sources))

    def rows(self) -> tuple[MappedInput, ...]:
        rows = []
        last = [n for n in self._wanted if n not in self._sources]
        for name in (*self._sources, *last):
            if name in self._found:
                topic, how = self._found[name]
                rows.append(MappedInput(name, topic.type, topic.name, topic.count, how))
            else:
                rows.append(MappedInput(name, self._wanted[name][1], None, 0, ABSENT))
        return tuple(rows)


def require_odometry(mapping: TopicMapping, bag: Path) -> str:
    """The topic of the vehicle's odometry. Raises ParameterError if there is none."""
    topic = mapping.topic_of(ODOMETRY)
    if topic is None:
        raise ParameterError(
            f'{bag} has no readable nav_msgs/msg/Odometry message, and without the pose of the '
            'vehicle nothing can be predicted; if another topic has it, name it in a file given '
            'with --topics ("odometry: /topic")'
        )
    return topic


def types_read(config: Config) -> frozenset[str]:
    """Message types that a replay reads itself; all others it only copies."""
    return frozenset({*SOURCE_TYPES, GROUND_TRUTH_TYPE, *(i.type for i in inputs(config))})


def has_map(mapping: TopicMapping) -> bool:
    return mapping.topic_of(VECTOR_MAP) is not None
