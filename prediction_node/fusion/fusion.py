"""Fusion of any number of sources into one list of agents."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.kinds import WALKERS, Modality
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.fusion import delete, heading
from prediction_node.fusion.attributes import forget_attributes
from prediction_node.fusion.bounds import most_important, origin_for
from prediction_node.fusion.classes import class_probabilities, forget_classes
from prediction_node.fusion.describe import describe
from prediction_node.fusion.gate import Pairs
from prediction_node.fusion.initiate import founders, start_tracks
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import MotionNoise, motion_table, predict
from prediction_node.fusion.publish import publish
from prediction_node.fusion.reports import Reports, gather, scans
from prediction_node.fusion.scan import Belief, believed, candidates, count_misses, matched, use
from prediction_node.fusion.tracks import TrackTable, X, Y

NAMESPACE = uuid.UUID('6f7d2c1e-6d0b-5a55-9f0a-0c1f8a6f1f52')
_RECENT_STAMPS = 16  # of each source, to tell a message sent twice
_LONGEST_SCAN_NS = 60_000_000  # reports within it are taken together, each at its own stamp
_LONGEST_STEP_S = 0.2  # of motion, counted for headings: a pause tells no more
_HEIGHT_DRIFT_M2PS = 0.05  # variance a height gains per second


class Fusion:
    """Keeps the tracks. The same input in the same steps gives the same bytes.

    `namespace` tells the identities of one fusion from those of another.
    """

    def __init__(self, parameters: FusionParameters, namespace: uuid.UUID = NAMESPACE) -> None:
        self._parameters = parameters
        self._namespace = namespace
        self._motion_table = motion_table(parameters)
        self._born = (
            0  # never reset: one identity names one object for as long as this object lives
        )
        self.reset()

    def reset(self) -> None:
        """Forget all tracks, sources and the clock."""
        self._tracks = TrackTable.empty()
        self._stamp_ns: int | None = None  # instant of the tracks
        self._stepped_ns: int | None = None  # instant of the last step
        self._origin_m: np.ndarray | None = None
        self._columns: dict[str, int] = {}
        self._modalities: list[Modality] = []
        self._recent: dict[str, deque[int]] = {}

    def step(self, observations: Sequence[SensorTracks], stamp_ns: int, ego: Ego | None) -> Agents:
        """Fuse map-frame reports of one window and return all published agents at `stamp_ns`.

        Reports are used in the order of their stamps, whatever the order they come in, those of
        nearly one time together. A clock that jumps by more than the memory of a track, or
        backward, starts everything anew.
        """
        self._watch_clock(stamp_ns)
        limit_ns = nanoseconds(self._parameters.late_limit_s)
        messages = [
            m
            for m in sorted(observations, key=lambda m: (m.stamp_ns, m.source))
            if abs(m.stamp_ns - stamp_ns) <= limit_ns and self._is_new(m)
        ]
        if messages:
            reports = self._read(messages, ego)
            for scan in scans(reports.message_stamp_ns, _LONGEST_SCAN_NS):
                self._take(reports, scan)
        return self._finish(stamp_ns, ego)

    def _watch_clock(self, stamp_ns: int) -> None:
        if self._stepped_ns is None:
            return
        elapsed_ns = stamp_ns - self._stepped_ns
        if elapsed_ns < -nanoseconds(self._parameters.late_limit_s) or elapsed_ns > nanoseconds(
            self._parameters.remember_s + self._parameters.late_limit_s
        ):
            self.reset()

    def _is_new(self, reports: SensorTracks) -> bool:
        recent = self._recent.setdefault(reports.source, deque(maxlen=_RECENT_STAMPS))
        if reports.stamp_ns in recent:
            return False
        recent.append(reports.stamp_ns)
        return True

    def _column_of(self, reports: SensorTracks) -> int:
        if reports.source not in self._columns:
            self._columns[reports.source] = len(self._columns)
            self._modalities.append(reports.modality)
            self._tracks.add_source()
        return self._columns[reports.source]

    def _read(self, messages: Sequence[SensorTracks], ego: Ego | None) -> Reports:
        """The most important reports of `messages` (at least one), relative to the local origin."""
        places = np.concatenate([m.position_m[:, :2] for m in messages])
        if ego is not None:
            centre = ego.position_m
        elif len(places):
            centre = places.mean(axis=0)
        else:
            centre = np.zeros(2) if self._origin_m is None else self._origin_m
        origin = origin_for(centre, self._origin_m)
        if self._origin_m is not None and origin is not self._origin_m:
            self._tracks.mean[:, X : Y + 1] += self._origin_m - origin
        self._origin_m = origin
        return gather(
            [self._bounded(m, centre) for m in messages],
            [self._column_of(m) for m in messages],
            origin,
            self._parameters,
        )

    def _bounded(self, message: SensorTracks, centre_m: np.ndarray) -> SensorTracks:
        limit = self._parameters.max_reports
        if len(message) <= limit:
            return message
        label = np.where(message.has_class, message.class_probabilities.argmax(axis=1), 0)
        place = message.position_m[:, :2]
        return message.select(most_important(place, label, centre_m, limit))

    def _take(self, reports: Reports, messages: slice) -> None:
        """One scan: advance the tracks to it, associate, initiate, update."""
        tracks, parameters = self._tracks, self._parameters
        belief = believed(tracks, self._motion_table)
        stamp_ns = self._advance(int(reports.message_stamp_ns[messages.stop - 1]), belief.noise)
        rows = np.arange(reports.first_row[messages.start], reports.first_row[messages.stop])
        pairs = candidates(tracks, stamp_ns, belief, reports, rows, parameters)
        chosen = matched(pairs, len(tracks), reports, messages)
        free = _without(rows, pairs.report[chosen])
        while len(free):
            # What no earlier message may have reported as well is new. Later ones may belong to it,
            # also those that seemed to belong to another track as long as it was missing.
            new = free[founders(reports, free, parameters.gate_max_m)]
            first = len(tracks)
            born, believed_born, new = self._initiate(reports, new, stamp_ns)
            belief = belief.with_more(believed_born)
            rows, free = _without(rows, new), _without(free, new)
            more = candidates(born, stamp_ns, believed_born, reports, rows, parameters)
            more = more.of(reports.message[more.report] > reports.message[new[more.track]])
            if len(more.track):
                pairs = pairs.with_more(Pairs(more.track + first, more.report, more.cost))
                pairs = pairs.of(~np.isin(pairs.report, new))
                chosen = matched(pairs, len(tracks), reports, messages)
                free = _without(rows, pairs.report[chosen])
        pairs = pairs.of(chosen)
        count_misses(tracks, pairs, reports, messages, parameters)
        use(tracks, stamp_ns, belief, pairs, reports, parameters)

    def _advance(self, stamp_ns: int, noise: MotionNoise) -> int:
        """Move all tracks to `stamp_ns`, not before their instant; return the instant."""
        if self._stamp_ns is None:
            self._stamp_ns = stamp_ns
        if stamp_ns <= self._stamp_ns:
            return self._stamp_ns
        dt_s = seconds(stamp_ns - self._stamp_ns)
        self._stamp_ns = stamp_ns
        tracks = self._tracks
        tracks.mean, tracks.independent, tracks.shared = predict(
            tracks, noise, dt_s, self._parameters
        )
        tracks.height_m[:, 1] += _HEIGHT_DRIFT_M2PS * dt_s
        tracks.class_evidence = forget_classes(tracks.class_evidence, dt_s, self._parameters)
        tracks.attribute_weight = forget_attributes(tracks.attribute_weight, dt_s, self._parameters)
        return stamp_ns

    def _initiate(
        self, reports: Reports, columns: np.ndarray, stamp_ns: int
    ) -> tuple[TrackTable, Belief, np.ndarray]:
        """Start tracks from the report rows `columns` (K,); return what is believed of them and
        their reports too.
        """
        born, columns = start_tracks(
            reports,
            columns,
            self._tracks.source_count,
            self._namespace,
            self._born,
            self._parameters,
        )
        self._born += len(born)
        each = np.arange(len(born))
        describe(born, each, each, reports, columns, self._parameters)
        belief = believed(born, self._motion_table)
        late_s = (stamp_ns - reports.stamp_ns[columns]) * 1e-9
        born.mean, born.independent, born.shared = predict(
            born, belief.noise, late_s, self._parameters
        )
        self._tracks.append(born)
        return born, belief, columns

    def _judge_headings(self, class_probabilities: np.ndarray, stamp_ns: int) -> None:
        """Once a step, ask the motion of all tracks seen in it which end of them is the front."""
        tracks = self._tracks
        dt_s = _LONGEST_STEP_S
        if self._stepped_ns is not None:
            dt_s = min(max(seconds(stamp_ns - self._stepped_ns), 0.0), dt_s)
        rows = np.flatnonzero(stamp_ns - tracks.seen_ns <= nanoseconds(2.0 * _LONGEST_STEP_S))
        walks = class_probabilities[rows][:, list(WALKERS)].sum(axis=1) > 0.5
        heading.judge_by_motion(tracks, rows, dt_s, walks)
        self._stepped_ns = stamp_ns

    def _finish(self, stamp_ns: int, ego: Ego | None) -> Agents:
        """Bury the dead, merge duplicates, keep the bounds and publish at `stamp_ns`."""
        tracks, parameters = self._tracks, self._parameters
        if self._stamp_ns is None or self._origin_m is None:
            return Agents.empty(stamp_ns)
        tracks.keep(delete.alive(tracks, stamp_ns, parameters))
        probabilities = class_probabilities(tracks.class_evidence)
        self._judge_headings(probabilities, stamp_ns)
        tracks.keep(~delete.duplicates(tracks, probabilities, parameters))
        if len(tracks) > parameters.max_tracks:
            centre = np.zeros(2) if ego is None else ego.position_m - self._origin_m
            label = class_probabilities(tracks.class_evidence).argmax(axis=1)
            tracks.keep(
                most_important(tracks.mean[:, X : Y + 1], label, centre, parameters.max_tracks)
            )
        return publish(
            tracks,
            believed(tracks, self._motion_table).noise,
            np.array(self._modalities, np.int64),
            self._origin_m,
            self._stamp_ns,
            stamp_ns,
            parameters,
        )


def _without(rows: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Those of the rising `rows` (R,) that are not among `taken` (K,)."""
    if not len(rows):
        return rows
    left = np.ones(rows[-1] + 1, bool)
    left[taken] = False
    remaining: np.ndarray = rows[left[rows]]
    return remaining
