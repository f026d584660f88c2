"""The planner's questions in the live node: in which layout they come, and when to answer."""

from __future__ import annotations

import time

from rclpy.node import Node

from prediction_node.conditional.answers import Answers
from prediction_node.pipeline import Pipeline
from prediction_node.ros import quality
from prediction_node.ros.outputs import Outputs

_LONGEST_MS = 80.0  # an answer that takes longer is given all the same, and told in diagnostics


def questions_understood(node: Node, pipeline: Pipeline) -> bool:
    """Whether the messages of questions are installed; tells the pipeline in which layout."""
    try:
        pipeline.desk.turn_indicators = quality.has_turn_indicators()
    except ImportError as error:
        node.get_logger().warning(f'candidate trajectories get no answers: {error}')
        return False
    return True


def answer_in_time(pipeline: Pipeline, outputs: Outputs, next_ns: int | None) -> Answers | None:
    """Answer the request that waits, if that will be done before the release at `next_ns` (steady
    clock; None: whenever); else it waits for that release.
    """
    start_ns = time.monotonic_ns()
    expected_ms = min(pipeline.desk.took_ms, _LONGEST_MS)
    if next_ns is not None and (next_ns - start_ns) / 1e6 < expected_ms:
        return None
    answers = pipeline.answer_candidates()
    if answers is not None:
        outputs.publish_answers(answers)
        pipeline.desk.took_ms = (time.monotonic_ns() - start_ns) / 1e6
        outputs.publish_answer_time(answers.stamp_ns, pipeline.desk.took_ms)
    return answers
