"""What the node says when a cycle fails, and when its time comes from /clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from prediction_node.domain.errors import ParameterError
from prediction_node.observation.observer import ODOMETRY
from prediction_node.ros.lifecycle import PredictionNode

SUCCESS = TransitionCallbackReturn.SUCCESS


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context()
    made.init(domain_id=141)
    yield made
    made.try_shutdown()


@pytest.fixture
def node_of(context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Builder of nodes with overrides, `__` for a dot; without their second of rehearsal."""
    monkeypatch.setattr('prediction_node.ros.lifecycle.rehearse', lambda pipeline: None)
    nodes: list[PredictionNode] = []

    def build(**overrides: Any) -> PredictionNode:
        given = {'autostart': False, 'engine.name': 'kinematic'}
        given |= {name.replace('__', '.'): value for name, value in overrides.items()}
        parameters = [Parameter(name, value=value) for name, value in given.items()]
        nodes.append(PredictionNode(context=context, parameter_overrides=parameters))
        return nodes[-1]

    yield build
    for node in nodes:
        node.stop()
        node.destroy_node()


def told_by(node: PredictionNode, monkeypatch: pytest.MonkeyPatch) -> list[DiagnosticStatus]:
    """What goes out on /diagnostics from now on."""
    told: list[DiagnosticStatus] = []
    monkeypatch.setattr(node._diagnostics, '_publish', told.extend)
    return told


def tick(node: PredictionNode, at_ms: int) -> None:
    message = Clock()
    message.clock.sec, rest_ms = divmod(at_ms, 1000)
    message.clock.nanosec = rest_ms * 10**6
    node._on_clock(message)


def test_a_cycle_that_fails_is_told_and_counted(
    node_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_of(use_sim_time=True)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    told = told_by(node, monkeypatch)
    tick(node, 1000)
    node._receiver(odometry_of(node))(b'')
    released: list[int] = []

    def release(due_ns: int) -> Any:
        released.append(due_ns)
        raise ValueError('no such thing')

    monkeypatch.setattr(node._pipeline, 'release', release)
    for at_ms in (1100, 1200, 1300):
        with pytest.raises(ValueError, match='no such thing'):
            tick(node, at_ms)
    assert len(released) == 3
    assert told[0].name == 'cycle'
    assert told[0].level == DiagnosticStatus.ERROR
    assert 'no such thing' in told[0].message
    assert node._statistics.misses == 3


def odometry_of(node: PredictionNode) -> Any:
    from prediction_node.pipeline import inputs

    return next(entry for entry in inputs(node._config) if entry.name == ODOMETRY)


def test_nothing_begins_before_the_first_clock(node_of: Any) -> None:
    node = node_of(use_sim_time=True)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    hear = node._receiver(odometry_of(node))
    hear(b'')
    assert node._schedule is None
    tick(node, 17_050)
    hear(b'')
    assert node._schedule is not None
    assert node._schedule.next_ns == 17_100_000_000


def test_the_clock_does_not_overtake_itself(node_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before a release is taken before it, later times are not."""
    node = node_of(use_sim_time=True)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    taken: list[Any] = []
    monkeypatch.setattr('prediction_node.ros.lifecycle.take_what_is_here', taken.extend)
    tick(node, 1000)
    node._receiver(odometry_of(node))(b'')
    tick(node, 1100)
    assert taken
    assert all(subscription.raw for subscription in taken)
    assert any(subscription.topic_name == '/clock' for subscription in node._subscribed)


def test_a_topic_that_is_none_is_told(node_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_of(topics__odometry='localization odometry')
    told = told_by(node, monkeypatch)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert 'localization odometry' in told[0].message
    assert node.set_parameters([Parameter('topics.odometry', value='/odometry')])[0].successful
    assert node.trigger_configure() == SUCCESS


def test_a_source_without_a_topic_is_told(node_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_of(sources__names=['lidar', 'corner'], sources__lidar__topic='/lidar')
    told = told_by(node, monkeypatch)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert 'sources.corner.topic must name a topic' in told[0].message


def test_parameters_for_everybody_are_no_mistake(node_of: Any) -> None:
    node = node_of(wheel_radius=0.383, front_overhang=0.8)
    assert node.trigger_configure() == SUCCESS
    for name in ('cycle__max_agent', 'engin__name', 'observations__map_frame'):
        with pytest.raises(ParameterError, match='unknown parameter'):
            node_of(**{name: 'x'})
