"""What a message's header must hold to be of use."""

from __future__ import annotations

from prediction_node.observation.reasons import Reason, Refused

LONGEST_FRAME_NAME = 256


def frame_name(frame_id: str) -> str:
    """The frame without the leading slash of ROS 1. Raises Refused when empty or absurdly long."""
    name = frame_id.lstrip('/') if len(frame_id) <= LONGEST_FRAME_NAME else ''
    if not name:
        raise Refused(
            Reason.FRAME,
            f'header.frame_id must have 1 to {LONGEST_FRAME_NAME} characters, got {len(frame_id)}',
        )
    return name


def check_stamp(stamp_ns: int) -> None:
    """Raise Refused for stamps that are no instant: zero and negative ones."""
    if stamp_ns == 0:
        raise Refused(Reason.ZERO_STAMP, 'header.stamp must be set, got 0')
    if stamp_ns < 0:
        raise Refused(Reason.NEGATIVE_STAMP, f'header.stamp must be > 0, got {stamp_ns} ns')
