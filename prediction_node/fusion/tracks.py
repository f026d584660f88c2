"""The table of tracks: one row per believed road user, one column array per quantity."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from prediction_node.domain.kinds import ATTRIBUTE_COUNT, CLASS_COUNT

# Order of the state. Velocity is held in map axes: it stays well-defined at standstill, where a
# speed along an unknown heading would not be. Acceleration acts along the heading.
X, Y, VX, VY, ACCELERATION, YAW, YAW_RATE = range(7)
STATE_COUNT = 7

NEVER_NS = -(2**62)  # a stamp before all stamps that leaves room for subtractions


@dataclass(slots=True, eq=False)
class TrackTable:
    """N tracks at one common instant, positions relative to the local origin, and S sources.

    The covariance is kept in two parts (split covariance intersection): `independent` holds errors
    that no sensor report shares, `shared` those that a later report of a source may repeat. Their
    sum is the covariance of `mean`.
    """

    uuid: np.ndarray  # (N, 16) uint8
    serial: np.ndarray  # (N,) int64, order of birth
    mean: np.ndarray  # (N, STATE_COUNT)
    independent: np.ndarray  # (N, STATE_COUNT, STATE_COUNT)
    shared: np.ndarray  # (N, STATE_COUNT, STATE_COUNT)
    has_heading: np.ndarray  # (N,) bool: yaw means something
    front_told: np.ndarray  # (N,) bool: a sensor told front from back
    heading_evidence: np.ndarray  # (N,) nats for the yaw against the opposite one
    height_m: np.ndarray  # (N, 2) centre z and its variance
    log_odds: np.ndarray  # (N,) of existence
    hits: np.ndarray  # (N,) int64 reports so far
    confirmed: np.ndarray  # (N,) bool
    class_evidence: np.ndarray  # (N, CLASS_COUNT) log-likelihoods, the greatest is 0
    size_m: np.ndarray  # (N, 3) weighted mean of reports
    size_weight: np.ndarray  # (N, 3)
    attribute: np.ndarray  # (N, ATTRIBUTE_COUNT) log-odds, the wheel angle in radians
    attribute_weight: np.ndarray  # (N, ATTRIBUTE_COUNT), 0: never reported
    seen_ns: np.ndarray  # (N,) int64 newest report of any source
    source_seen_ns: np.ndarray  # (N, S) int64 newest report of each source
    source_id: np.ndarray  # (N, S) uint64 that source's own id then
    source_has_id: np.ndarray  # (N, S) bool

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def covariance(self) -> np.ndarray:
        """(N, STATE_COUNT, STATE_COUNT)."""
        total: np.ndarray = self.independent + self.shared
        return total

    @property
    def source_count(self) -> int:
        return int(self.source_seen_ns.shape[1])

    @classmethod
    def empty(cls, sources: int = 0) -> TrackTable:
        return cls.blank(0, sources)

    @classmethod
    def blank(cls, n: int, sources: int) -> TrackTable:
        """N rows of zeros that nobody has seen."""
        return cls(
            uuid=np.zeros((n, 16), np.uint8),
            serial=np.zeros(n, np.int64),
            mean=np.zeros((n, STATE_COUNT)),
            independent=np.zeros((n, STATE_COUNT, STATE_COUNT)),
            shared=np.zeros((n, STATE_COUNT, STATE_COUNT)),
            has_heading=np.zeros(n, bool),
            front_told=np.zeros(n, bool),
            heading_evidence=np.zeros(n),
            height_m=np.zeros((n, 2)),
            log_odds=np.zeros(n),
            hits=np.zeros(n, np.int64),
            confirmed=np.zeros(n, bool),
            class_evidence=np.zeros((n, CLASS_COUNT)),
            size_m=np.zeros((n, 3)),
            size_weight=np.zeros((n, 3)),
            attribute=np.zeros((n, ATTRIBUTE_COUNT)),
            attribute_weight=np.zeros((n, ATTRIBUTE_COUNT)),
            seen_ns=np.full(n, NEVER_NS, np.int64),
            source_seen_ns=np.full((n, sources), NEVER_NS, np.int64),
            source_id=np.zeros((n, sources), np.uint64),
            source_has_id=np.zeros((n, sources), bool),
        )

    def keep(self, index: np.ndarray) -> None:
        """Keep only the rows that `index` (bool mask or integers) picks."""
        if index.dtype == bool and index.all():
            return
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[index])

    def picked(self, index: np.ndarray | slice) -> TrackTable:
        """The rows that `index` picks: copies, or of a slice views."""
        return TrackTable(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def append(self, other: TrackTable) -> None:
        for field in fields(self):
            joined = np.concatenate([getattr(self, field.name), getattr(other, field.name)])
            setattr(self, field.name, joined)

    def add_source(self) -> None:
        """One more column for a source not met before."""
        blank = TrackTable.blank(len(self), 1)
        for name in ('source_seen_ns', 'source_id', 'source_has_id'):
            setattr(self, name, np.hstack([getattr(self, name), getattr(blank, name)]))
