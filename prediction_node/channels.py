"""Everything the pipeline listens to, by name."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.config import Config
from prediction_node.domain.errors import ParameterError
from prediction_node.observation.observer import ODOMETRY

TF, TF_STATIC = 'tf', 'tf_static'
TRAFFIC_SIGNALS, VECTOR_MAP = 'traffic_signals', 'vector_map'
CANDIDATES = 'candidate_trajectories'


@dataclass(frozen=True, slots=True)
class Input:
    """One subscription: `name` is what `Pipeline.receive` takes."""

    name: str
    topic: str
    type: str
    latched: bool = False


def inputs(config: Config) -> tuple[Input, ...]:
    """Everything the pipeline listens to, sensors first. Raises ParameterError naming a source that
    has no topic.
    """
    topics = config.topics
    for source in config.sources:
        if not source.topic:
            raise ParameterError(
                f'sources.{source.name}.topic must name a topic, got an empty string'
            )
    return (
        *(Input(s.name, s.topic, s.type) for s in config.sources),
        Input(ODOMETRY, topics.odometry, 'nav_msgs/msg/Odometry'),
        Input(TF, topics.tf, 'tf2_msgs/msg/TFMessage'),
        Input(TF_STATIC, topics.tf_static, 'tf2_msgs/msg/TFMessage', latched=True),
        Input(
            TRAFFIC_SIGNALS,
            topics.traffic_signals,
            'autoware_perception_msgs/msg/TrafficLightGroupArray',
        ),
        Input(VECTOR_MAP, topics.vector_map, 'autoware_map_msgs/msg/LaneletMapBin', latched=True),
    )


def questions(config: Config) -> Input:
    """What the planner asks: no observation, and the node does without it."""
    kind = 'autoware_internal_planning_msgs/msg/CandidateTrajectories'
    return Input(CANDIDATES, config.topics.candidate_trajectories, kind)
