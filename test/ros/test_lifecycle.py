"""Any order of transitions leaves a node that works, and nothing behind."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='prediction_node.ros needs rclpy')

import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from prediction_node.domain.errors import ParameterError
from prediction_node.resources import share_path
from prediction_node.ros.boundary import ErrorBoundary
from prediction_node.ros.lifecycle import PredictionNode

pytestmark = pytest.mark.ros

TRANSITIONS = ('configure', 'activate', 'deactivate', 'cleanup')
# What the state machine allows from where, and where it leads to.
ALLOWED = {
    ('unconfigured', 'configure'): 'inactive',
    ('inactive', 'activate'): 'active',
    ('active', 'deactivate'): 'inactive',
    ('inactive', 'cleanup'): 'unconfigured',
}


@pytest.fixture
def context() -> Iterator[rclpy.context.Context]:
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    context = rclpy.context.Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


def make_node(context: rclpy.context.Context, **parameters: Any) -> PredictionNode:
    overrides = [Parameter(name.replace('__', '.'), value=v) for name, v in parameters.items()]
    return PredictionNode(context=context, parameter_overrides=overrides)


def entities(node: PredictionNode) -> tuple[int, int, int]:
    return (
        len(list(node.subscriptions)),
        len(list(node.publishers)),
        len(list(node.timers)),
    )


def resident_kib() -> int:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1])
    raise AssertionError('no VmRSS')


def test_random_transitions_leave_nothing_behind(context: rclpy.context.Context) -> None:
    node = make_node(context)
    at_rest = entities(node)
    chance = random.Random(7)
    state = 'unconfigured'
    memory: list[int] = []
    for step in range(1000):
        wanted = chance.choice(TRANSITIONS)
        after = ALLOWED.get((state, wanted))
        if after is None:
            continue
        getattr(node, f'trigger_{wanted}')()
        state = after
        if state == 'unconfigured':
            assert entities(node) == at_rest
        if step % 100 == 99:
            memory.append(resident_kib())
    assert memory[-1] - memory[2] < 20_000, f'resident memory grew: {memory} KiB'
    while state != 'unconfigured':
        wanted = 'deactivate' if state == 'active' else 'cleanup'
        getattr(node, f'trigger_{wanted}')()
        state = ALLOWED[(state, wanted)]
    assert entities(node) == at_rest
    node.stop()
    node.destroy_node()


def test_a_failed_configure_can_be_mended(context: rclpy.context.Context) -> None:
    node = make_node(context, map__path='/nowhere/map.osm')
    at_rest = entities(node)
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.FAILURE
    assert entities(node) == at_rest
    good = str(share_path('samples', 'lankershim', 'map.osm'))
    result = node.set_parameters([Parameter('map.path', value=good)])[0]
    assert result.successful
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS
    node.stop()
    node.destroy_node()


def test_parameters_are_fixed_while_configured(context: rclpy.context.Context) -> None:
    node = make_node(context)
    assert node.set_parameters([Parameter('cycle.max_agents', value=9)])[0].successful
    node.trigger_configure()
    result = node.set_parameters([Parameter('cycle.max_agents', value=8)])[0]
    assert not result.successful
    assert 'cycle.max_agents takes effect at configure' in result.reason
    node.trigger_cleanup()
    assert node.set_parameters([Parameter('cycle.max_agents', value=8)])[0].successful
    node.stop()
    node.destroy_node()


def test_parameters_tell_their_meaning_and_range(context: rclpy.context.Context) -> None:
    node = make_node(context)
    described = node.describe_parameter('cycle.max_agents')
    assert described.description
    assert described.integer_range[0].to_value == 4096
    refused = node.set_parameters([Parameter('cycle.max_agents', value=0)])[0]
    assert not refused.successful
    node.stop()
    node.destroy_node()


@pytest.mark.parametrize(
    ('parameters', 'named'),
    [
        ({'cycle__max_agents': 'many'}, 'cycle.max_agents'),
        ({'cycle__min_existence': 7.0}, 'cycle.min_existence'),
        ({'sources__names': ['front camera']}, 'front camera'),
    ],
)
def test_bad_overrides_are_named(
    context: rclpy.context.Context, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(ParameterError, match=named):
        make_node(context, **parameters)


def test_autostart_can_be_turned_off(context: rclpy.context.Context) -> None:
    node = make_node(context, autostart=False)
    node.autostart()
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS
    node.autostart()  # still off: it would be active now
    assert node.trigger_activate() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS
    node.stop()
    node.destroy_node()


def test_what_fails_after_the_end_was_told_is_no_error() -> None:
    context = rclpy.context.Context()
    rclpy.init(context=context)
    node = Node('boundary', context=context)
    boundary = ErrorBoundary(node)

    def fail() -> None:
        raise ValueError('of its own')

    boundary.wrap('before', fail)()
    assert boundary.errors == {'before': 1}
    rclpy.shutdown(context=context)
    boundary.wrap('after', fail)()
    assert boundary.errors == {'before': 1}
    node.destroy_node()


def test_a_new_source_has_its_own_parameters(context: rclpy.context.Context) -> None:
    names = ['lidar', 'corner']
    node = make_node(context, sources__names=names, sources__corner__topic='/corner/tracks')
    node.trigger_configure()
    topics = {s.topic_name for s in node.subscriptions}
    assert {'/corner/tracks', '/perception/lidar/tracks'} <= topics
    assert '/perception/camera/tracks' not in topics
    node.stop()
    node.destroy_node()
