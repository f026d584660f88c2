"""The planner's questions in the live node: in which layout they come, and when to answer."""

from __future__ import annotations

import math
import time

from rclpy.node import Node

from prediction_node.conditional.answers import Answers
from prediction_node.pipeline import Pipeline
from prediction_node.ros import quality
from prediction_node.ros.outputs import Outputs

_LEAST = 3  # plans: a smaller part is not worth its while


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
    """Answer the request that waits, or goes on, in parts of as many plans as will be done before
    the release at `next_ns` (steady clock; None: whenever); the rest waits for that release. One
    part is given however long it takes where it is `owed`.
    """
    desk = pipeline.desk
    while desk.ready:
        left_ms = math.inf if next_ns is None else (next_ns - time.monotonic_ns()) / 1e6
        plans = desk.plans_within(left_ms)
        if not owed and plans < _LEAST:
            return None
        owed = False
        answers = pipeline.answer_candidates(part=max(plans, _LEAST))
        if answers is not None:
            start_ns = time.monotonic_ns()
            outputs.publish_answers(answers)
            desk.took_ms += (time.monotonic_ns() - start_ns) / 1e6
            outputs.publish_answer_time(answers.stamp_ns, desk.took_ms)
            return answers
    return None
