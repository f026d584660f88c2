"""What waits in subscriptions is heard before a release, in the order in which it was sent."""

from __future__ import annotations

import struct
import time
from typing import Any

import pytest

pytestmark = [pytest.mark.ros, pytest.mark.integration]


def test_what_has_come_is_handed_over_without_the_executor(listener: Any) -> None:
    from prediction_node.ros import quality
    from prediction_node.ros.catch_up import take_what_is_here

    message_class = quality.message_class('std_msgs/msg/Float32MultiArray')
    heard: list[tuple[str, bytes]] = []

    def hearer(topic: str) -> Any:
        return lambda data: heard.append((topic, data))

    topics = ('/catch_up/a', '/catch_up/b')
    subscriptions = [
        listener.node.create_subscription(message_class, topic, hearer(topic), 10, raw=True)
        for topic in topics
    ]
    publishers = [listener.node.create_publisher(message_class, topic, 10) for topic in topics]
    listener.until(lambda: all(p.get_subscription_count() for p in publishers), 20, 'a match')
    take_what_is_here(subscriptions)
    assert not heard
    for value in range(3):
        for publisher in publishers:
            publisher.publish(message_class(data=[float(value)]))
    end = time.monotonic() + 10.0
    while len(heard) < 6 and time.monotonic() < end:
        time.sleep(0.01)
        take_what_is_here(subscriptions)
    for topic in topics:
        own = [struct.unpack('<f', data[-4:])[0] for name, data in heard if name == topic]
        assert own == [0.0, 1.0, 2.0]
    take_what_is_here(subscriptions)
    assert len(heard) == 6
