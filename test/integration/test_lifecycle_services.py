"""The lifecycle over its services, as `ros2 lifecycle` and a lifecycle manager use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState

pytestmark = [pytest.mark.ros, pytest.mark.integration]

OBJECTS = '/perception/object_recognition/objects'
OBJECTS_TYPE = 'autoware_perception_msgs/msg/PredictedObjects'


def change(listener: Any, transition: int) -> bool:
    request = ChangeState.Request()
    request.transition.id = transition
    return bool(listener.call(ChangeState, '/prediction/change_state', request).success)


def state(listener: Any) -> tuple[int, str]:
    answer = listener.call(GetState, '/prediction/get_state', GetState.Request()).current_state
    return answer.id, answer.label


def test_deactivated_it_is_silent_and_activated_it_speaks(
    listener: Any, start_node: Callable[..., Any]
) -> None:
    objects = listener.hear(OBJECTS, OBJECTS_TYPE)
    node = start_node()
    listener.until(lambda: len(objects) >= 3, 60, 'output')
    assert state(listener) == (State.PRIMARY_STATE_ACTIVE, 'active')

    assert change(listener, Transition.TRANSITION_DEACTIVATE)
    assert state(listener) == (State.PRIMARY_STATE_INACTIVE, 'inactive')
    quiet = len(objects)
    for _ in range(5):  # answers of an inactive node, with time for several cycles between them
        assert state(listener)[1] == 'inactive'
    assert len(objects) == quiet

    assert change(listener, Transition.TRANSITION_ACTIVATE)
    assert state(listener)[1] == 'active'
    listener.until(lambda: len(objects) >= quiet + 5, 20, 'output after activation')

    assert change(listener, Transition.TRANSITION_DEACTIVATE)
    assert change(listener, Transition.TRANSITION_CLEANUP)
    assert state(listener) == (State.PRIMARY_STATE_UNCONFIGURED, 'unconfigured')
    assert change(listener, Transition.TRANSITION_CONFIGURE)
    assert change(listener, Transition.TRANSITION_ACTIVATE)
    again = len(objects)
    listener.until(lambda: len(objects) >= again + 5, 20, 'output after a new configuration')

    assert change(listener, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert state(listener) == (State.PRIMARY_STATE_FINALIZED, 'finalized')
    status, _ = node.stop()
    assert status == 0, node.output
    assert 'Traceback' not in node.output, node.output


def test_without_autostart_it_waits_and_refuses_what_it_cannot_do(
    listener: Any, start_node: Callable[..., Any]
) -> None:
    node = start_node(autostart='false')
    assert state(listener) == (State.PRIMARY_STATE_UNCONFIGURED, 'unconfigured')
    offered = listener.call(
        GetAvailableTransitions,
        '/prediction/get_available_transitions',
        GetAvailableTransitions.Request(),
    ).available_transitions
    assert {t.transition.label for t in offered} >= {'configure', 'shutdown'}
    assert not change(listener, Transition.TRANSITION_ACTIVATE)
    assert state(listener)[1] == 'unconfigured'
    assert change(listener, Transition.TRANSITION_CONFIGURE)
    assert state(listener)[1] == 'inactive'
    assert node.child.poll() is None
    assert 'Traceback' not in node.output, node.output
