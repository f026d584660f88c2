"""Quality-of-service profiles as rosbag2 records them."""

from __future__ import annotations

from collections.abc import Sequence

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

INFINITE = QosTime(9223372036, 854775807)  # what rmw writes for "no limit"


def profile(*, reliable: bool = True, latched: bool = False, depth: int = 10) -> Qos:
    """A publisher's profile; latched is transient local: late subscribers get the last message."""
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        INFINITE,
        INFINITE,
        QosLiveliness.AUTOMATIC,
        INFINITE,
        False,
    )


def dump(profiles: Sequence[Qos]) -> str:
    """YAML text of the profiles in the form that every rosbag2 from Humble on reads (numbers)."""
    return '\n'.join(_dump_one(q) for q in profiles)


def _dump_one(qos: Qos) -> str:
    def duration(name: str, value: QosTime) -> str:
        return f'  {name}:\n    sec: {value.sec}\n    nsec: {value.nsec}'

    plain_names = str(qos.avoid_ros_namespace_conventions).lower()
    return '\n'.join(
        (
            f'- history: {qos.history.value}',
            f'  depth: {qos.depth}',
            f'  reliability: {qos.reliability.value}',
            f'  durability: {qos.durability.value}',
            duration('deadline', qos.deadline),
            duration('lifespan', qos.lifespan),
            f'  liveliness: {qos.liveliness.value}',
            duration('liveliness_lease_duration', qos.liveliness_lease_duration),
            f'  avoid_ros_namespace_conventions: {plain_names}',
        )
    )
