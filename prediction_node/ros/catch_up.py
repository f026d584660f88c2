"""First the messages that wait, then the release."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rclpy.subscription import Subscription

_LIMIT_S = 0.05  # a flood of messages must not hold the release longer
_PAUSE_S = 0.002  # the middleware's own threads stood still too, and go on now


def take_what_is_here(subscriptions: Iterable[Subscription]) -> None:
    """Hand the messages that have come to these raw subscriptions to their callbacks.

    Whoever plays a bag sends the time after all that was recorded before it, but where several
    messages wait the executor may run the callback of the time first.
    """
    end = time.monotonic() + _LIMIT_S
    for subscription in tuple(subscriptions):
        _take_all(subscription, end)


def take_what_waits(subscriptions: Iterable[Subscription]) -> None:
    """Hand all messages that wait in these raw subscriptions to their callbacks, after a stall.

    The executor runs timers before subscriptions and then one message of each at a time: a release
    at once would be made of what was known before the stall, half a second old odometry included.
    """
    subscriptions = tuple(subscriptions)
    end = time.monotonic() + _LIMIT_S
    waiting = True
    while waiting and time.monotonic() < end:
        time.sleep(_PAUSE_S)
        waiting = False
        for subscription in subscriptions:
            waiting |= _take_all(subscription, end)


def _take_all(subscription: Subscription, end: float) -> bool:
    """Whether there was any."""
    found = False
    with subscription.handle:
        while time.monotonic() < end:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                break
            found = True
            subscription.callback(taken[0])
    return found
