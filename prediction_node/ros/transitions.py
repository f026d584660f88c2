"""Transitions asked for over the lifecycle services."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy._rclpy_pybind11 import RCLError
from rclpy.lifecycle import LifecycleNode


def answer_impossible_ones(node: LifecycleNode) -> None:
    """Let the node answer `success: false` to a transition its state does not allow.

    rclpy raises out of the executor instead, which ends the process and leaves the caller waiting.
    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = _answering(node, service.callback)


def _answering(node: LifecycleNode, change: Any) -> Any:
    def answer(request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RCLError as error:
            if not node.context.ok():
                raise
            asked = request.transition.label or request.transition.id
            node.get_logger().warning(f'transition {asked} is not possible now: {error}')
            response.success = False
            return response

    return answer
