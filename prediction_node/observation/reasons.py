"""Why an input was refused. The names appear in diagnostics, reports and tests."""

from __future__ import annotations

import enum

from prediction_node.domain.errors import MessageError


class Reason(str, enum.Enum):
    """One word for each kind of refusal."""

    # of one object; the rest of its message is used
    POSITION = 'position'
    POSITION_COVARIANCE = 'position_covariance'
    ORIENTATION = 'orientation'
    ORIENTATION_COVARIANCE = 'orientation_covariance'
    VELOCITY = 'velocity'
    VELOCITY_COVARIANCE = 'velocity_covariance'
    YAW_RATE = 'yaw_rate'
    SIZE = 'size'
    EXISTENCE = 'existence'
    CLASS = 'class'
    ATTRIBUTE = 'attribute'
    OBJECT_FRAME = 'object_frame'  # a detection's own header names another frame than the array's
    OVER_CAPACITY = 'over_capacity'  # beyond the nearest `max_objects` of one message
    # of a whole message
    ZERO_STAMP = 'zero_stamp'
    NEGATIVE_STAMP = 'negative_stamp'
    LATE = 'late'  # older than `max_age_s`
    FUTURE = 'future'  # ahead of the scene by more than `future_tolerance_s`
    OTHER_CLOCK = 'other_clock'  # off the scene by more than `other_clock_s`, either way
    DUPLICATE = 'duplicate'  # this source has already sent this stamp
    OVERFLOW = 'overflow'  # more messages within one release than the inbox holds
    STUCK = 'stuck'  # the same content again and again under new stamps
    FRAME = 'frame'  # no frame, or no transform to the map at the stamp
    MALFORMED = 'malformed'  # the bytes could not be read
    # of an odometry message, beside the above
    JUMP = 'jump'  # off the present time line, and not confirmed by a second one

    def __str__(self) -> str:
        return self.value


class Refused(MessageError):
    """A whole message is refused for `reason`; the text says which value broke which bound."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


# Refusals which mean that the stamps are wrong, not the content.
CLOCK_REASONS = frozenset(
    {Reason.ZERO_STAMP, Reason.NEGATIVE_STAMP, Reason.FUTURE, Reason.OTHER_CLOCK}
)
