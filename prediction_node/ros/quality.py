"""Quality of service of every topic, and the message classes behind type names."""

from __future__ import annotations

import importlib
from typing import Any

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)


def _profile(
    depth: int, reliability: ReliabilityPolicy, durability: DurabilityPolicy
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=durability
    )


# Best effort takes from reliable publishers too; depth 5 bounds what a stall can leave behind.
SENSOR = _profile(5, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
FAST = _profile(50, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)  # odometry, tf
LATCHED = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
STATIC_TRANSFORMS = _profile(100, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
# All answers to one request of the planner, and to the next.
ANSWERS = _profile(32, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
OUTPUT = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)


def message_class(type_name: str) -> Any:
    """The Python class of 'package/msg/Name' or 'package/Name'.

    Raises ImportError naming the package that is not installed.
    """
    return _class_of(type_name, 'msg')


def service_class(type_name: str) -> Any:
    """The Python class of 'package/srv/Name'. Raises ImportError as `message_class` does."""
    return _class_of(type_name, 'srv')


def _class_of(type_name: str, kind: str) -> Any:
    package, name = type_name.split('/')[0], type_name.split('/')[-1]
    try:
        return getattr(importlib.import_module(f'{package}.{kind}'), name)
    except ModuleNotFoundError:
        raise ImportError(
            f'message package {package} is not installed (needed for {type_name}); install it with '
            f'`apt install ros-$ROS_DISTRO-{package.replace("_", "-")}` or build '
            f'interfaces/{package}'
        ) from None


def has_turn_indicators() -> bool:
    """Whether the installed CandidateTrajectory carries a command for the turn indicators.

    Raises ImportError naming the package that is not installed.
    """
    candidate = message_class('autoware_internal_planning_msgs/msg/CandidateTrajectory')
    kinds = candidate.get_fields_and_field_types().values()
    return 'autoware_vehicle_msgs/TurnIndicatorsCommand' in kinds
