"""How each input is doing, as plain values for diagnostics."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from prediction_node.domain.kinds import Modality
from prediction_node.observation.reasons import Reason


class State(str, enum.Enum):
    """What is wrong with an input, the most severe first."""

    NEVER_SEEN = 'never_seen'  # nothing has come yet
    SILENT = 'silent'  # nothing for nearly max(300 ms, three periods)
    STUCK = 'stuck'  # the same stamp or the same content again and again
    CLOCK = 'clock'  # stamps that fit no clock: zero, negative, far off the scene
    NO_TRANSFORM = 'no_transform'  # its frame cannot be led to the map
    GARBAGE = 'garbage'  # most of its objects, or its messages, are refused
    DELAYED = 'delayed'  # stamps are old when they come
    SLOW = 'slow'  # below half the expected rate
    OK = 'ok'

    def __str__(self) -> str:
        return self.value


# States in which an input contributes nothing that can be relied on.
LOST_STATES = frozenset(
    {
        State.NEVER_SEEN,
        State.SILENT,
        State.STUCK,
        State.CLOCK,
        State.NO_TRANSFORM,
        State.GARBAGE,
    }
)


@dataclass(frozen=True, slots=True)
class InputHealth:
    """One input at one instant. Counts are since the start; messages and objects apart."""

    name: str
    modality: Modality | None  # None for odometry, transforms, traffic lights
    state: State
    lost: bool  # contributes nothing; a delayed source is lost when all its messages are too late
    received: int  # messages
    accepted: int
    refused: dict[Reason, int]
    objects_received: int
    objects_refused: dict[Reason, int]
    rate_hz: float | None  # over the last messages; None before the second
    silence_s: float | None  # since the last message; None before the first
    delay_s: float | None  # scene time minus stamp when messages came, median of the last ones
    detail: str  # the latest refusal in words, empty if there was none


@dataclass(frozen=True, slots=True)
class ObservationHealth:
    """All inputs at one instant."""

    sources: tuple[InputHealth, ...]
    odometry: InputHealth
    transforms: InputHealth
    traffic_lights: InputHealth
    lost_modalities: tuple[Modality, ...]  # those whose configured sources are all lost

    @property
    def degraded(self) -> bool:
        """Whether a modality is lost. One source of several is named, but not degrading."""
        return bool(self.lost_modalities)

    @property
    def lost_sources(self) -> tuple[str, ...]:
        return tuple(source.name for source in self.sources if source.lost)


def lost_modalities(sources: tuple[InputHealth, ...]) -> tuple[Modality, ...]:
    """Modalities that have sources, all of which are lost, in the order of the enumeration."""
    have = {source.modality for source in sources}
    alive = {source.modality for source in sources if not source.lost}
    return tuple(modality for modality in Modality if modality in have - alive)
