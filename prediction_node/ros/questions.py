"""The planner's questions in the live node: in which layout they come, and when to answer."""

from __future__ import annotations

import math
import time

from rclpy.node import Node

from prediction_node.conditional.answers import Answers
from prediction_node.pipeline import Pipeline
from prediction_node.ros import quality
from prediction_node.ros.outputs import Outputs

_LONGEST_MS = 80.0  # a part that takes longer is answered all the same, and told in diagnostics


def questions_understood(node: Node, pipeline: Pipeline) -> bool:
    """Whether the messages of questions are installed; tells the pipeline in which layout."""
    try:
        pipeline.desk.turn_indicators = quality.has_turn_indicators()
    except ImportError as error:
        node.get_logger().warning(f'candidate trajectories get no answers: {error}')
        return False
    return True


def answer_in_time(
    pipeline: Pipeline, outputs: Outputs, next_ns: int | None, *, owed: bool
) -> Answers | None:
    """Answer the request that waits, or goes on, in parts, each if it will be done before the
    release at `next_ns` (steady clock; None: whenever); the rest waits for that release. One part
    is given however long it takes where it is `owed`.
    """
    desk = pipeline.desk
    while desk.ready:
        left_ms = math.inf if next_ns is None else (next_ns - time.monotonic_ns()) / 1e6
        if not owed and left_ms < min(desk.part_ms, _LONGEST_MS):
            return None
        owed = False
        answers = pipeline.answer_candidates(part=True)
        if answers is not None:
            start_ns = time.monotonic_ns()
            outputs.publish_answers(answers)
            desk.took_ms += (time.monotonic_ns() - start_ns) / 1e6
            outputs.publish_answer_time(answers.stamp_ns, desk.took_ms)
            return answers
    return None
