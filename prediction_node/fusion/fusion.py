"""Fusion of any number of sources into one list of agents."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.kinds import Modality
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.fusion.attributes import forget_attributes
from prediction_node.fusion.belief import Belief, believed
from prediction_node.fusion.bounds import most_important, origin_for
from prediction_node.fusion.classes import class_probabilities, forget_classes
from prediction_node.fusion.delete import alive, count_misses, duplicates
from prediction_node.fusion.describe import describe
from prediction_node.fusion.gate import Pairs, candidate_pairs
from prediction_node.fusion.heading import LONGEST_STEP_S, judge_by_motion
from prediction_node.fusion.initiate import founders, start_tracks
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import predict
from prediction_node.fusion.publish import publish
from prediction_node.fusion.reports import Reports, gather, scans
from prediction_node.fusion.scan import matched, use
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable, X, Y

NAMESPACE = uuid.UUID('6f7d2c1e-6d0b-5a55-9f0a-0c1f8a6f1f52')
_RECENT_STAMPS = 16  # of each source, to tell a message sent twice
_LONGEST_SCAN_NS = 60_000_000  # reports within it are taken together, each at its own stamp
_HEIGHT_DRIFT_M2PS = 0.05  # variance a height gains per second


class Fusion:
    """Keeps the tracks. The same input in the same steps gives the same bytes.

    `namespace` tells the identities of one fusion from those of another.
    """

    def __init__(self, parameters: FusionParameters, namespace: uuid.UUID = NAMESPACE) -> None:
        self._tables = Tables.of(parameters)
        self._namespace = namespace
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
        limit_ns = nanoseconds(self._tables.parameters.late_limit_s)
        messages = [
            m
            for m in sorted(observations, key=lambda m: (m.stamp_ns, m.source))
            if abs(m.stamp_ns - stamp_ns) <= limit_ns and self._is_new(m)
        ]
        if messages:
            reports = self._read(messages, ego)
            for scan in scans(reports.message_stamp_ns, _LONGEST_SCAN_NS):
                self._take(reports.of(scan))
        return self._finish(stamp_ns, ego)

    def _watch_clock(self, stamp_ns: int) -> None:
        if self._stepped_ns is None:
            return
        parameters = self._tables.parameters
        elapsed_ns = stamp_ns - self._stepped_ns
        longest_s = parameters.remember_s + parameters.late_limit_s
        if not -nanoseconds(parameters.late_limit_s) <= elapsed_ns <= nanoseconds(longest_s):
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
            self._tables,
        )

    def _bounded(self, message: SensorTracks, centre_m: np.ndarray) -> SensorTracks:
        limit = self._tables.parameters.max_reports
        if len(message) <= limit:
            return message
        label = np.where(message.has_class, message.class_probabilities.argmax(axis=1), 0)
        place = message.position_m[:, :2]
        return message.select(most_important(place, label, centre_m, limit))

    def _take(self, reports: Reports) -> None:
        """One scan: advance the tracks to it, associate, initiate, update."""
        tracks, tables = self._tracks, self._tables
        belief = believed(tracks, tables)
        stamp_ns = self._advance(int(reports.message_stamp_ns[-1]), belief)
        started = np.zeros(len(reports), bool)
        nobody = np.full(len(tracks), -1)
        pairs = candidate_pairs(tracks, stamp_ns, belief, reports, ~started, nobody, tables)
        owner = matched(pairs, len(tracks), reports)
        free = owner < 0
        while free.any():
            # What no earlier message may have reported as well is new. Later ones may belong to it,
            # also those that seemed to belong to another track as long as it was missing.
            new = founders(reports, free, tables.parameters.gate_max_m)
            first = len(tracks)
            born, believed_born = self._initiate(reports, new, stamp_ns)
            belief = belief.with_more(believed_born)
            started[new] = True
            free[new] = False
            more = candidate_pairs(
                born, stamp_ns, believed_born, reports, ~started, reports.message[new], tables
            )
            if len(more.track):
                pairs = pairs.of(~started[pairs.report])
                pairs = pairs.with_more(Pairs(more.track + first, more.report, more.cost))
                owner = matched(pairs, len(tracks), reports)
                free = (owner < 0) & ~started
        count_misses(tracks, owner, reports, tables)
        use(tracks, stamp_ns, belief, owner, reports, tables)

    def _advance(self, stamp_ns: int, belief: Belief) -> int:
        """Move all tracks to `stamp_ns`, not before their instant; return the instant."""
        if self._stamp_ns is None:
            self._stamp_ns = stamp_ns
        if stamp_ns <= self._stamp_ns:
            return self._stamp_ns
        dt_s = seconds(stamp_ns - self._stamp_ns)
        self._stamp_ns = stamp_ns
        tracks, parameters = self._tracks, self._tables.parameters
        predict(tracks, belief.noise, np.full(len(tracks), dt_s), parameters)
        tracks.height_m[:, 1] += _HEIGHT_DRIFT_M2PS * dt_s
        forget_classes(tracks.class_evidence, dt_s, parameters)
        forget_attributes(tracks.attribute_weight, dt_s, parameters)
        return stamp_ns

    def _initiate(
        self, reports: Reports, rows: np.ndarray, stamp_ns: int
    ) -> tuple[TrackTable, Belief]:
        """Start tracks from the report rows `rows` (K,); return them, at `stamp_ns`, and what is
        believed of them.
        """
        tables = self._tables
        born = start_tracks(
            reports, rows, self._tracks.source_count, self._namespace, self._born, tables
        )
        self._born += len(born)
        describe(born, Matches.one_each(rows), reports, tables)
        belief = believed(born, tables)
        late_s = (stamp_ns - reports.message_stamp_ns[reports.message[rows]]) * 1e-9
        predict(born, belief.noise, late_s, tables.parameters)
        self._tracks.append(born)
        return born, belief

    def _judge_headings(self, class_probabilities: np.ndarray, stamp_ns: int) -> None:
        """Once a step, ask the motion of all tracks seen in it which end of them is the front."""
        dt_s = LONGEST_STEP_S
        if self._stepped_ns is not None:
            dt_s = min(max(seconds(stamp_ns - self._stepped_ns), 0.0), dt_s)
        judge_by_motion(self._tracks, stamp_ns, dt_s, class_probabilities)
        self._stepped_ns = stamp_ns

    def _finish(self, stamp_ns: int, ego: Ego | None) -> Agents:
        """Bury the dead, merge duplicates, keep the bounds and publish at `stamp_ns`."""
        tracks, parameters = self._tracks, self._tables.parameters
        if self._stamp_ns is None or self._origin_m is None:
            return Agents.empty(stamp_ns)
        tracks.keep(alive(tracks, stamp_ns, parameters))
        probabilities = class_probabilities(tracks.class_evidence)
        self._judge_headings(probabilities, stamp_ns)
        tracks.keep(~duplicates(tracks, probabilities, parameters))
        if len(tracks) > parameters.max_tracks:
            centre = np.zeros(2) if ego is None else ego.position_m - self._origin_m
            label = class_probabilities(tracks.class_evidence).argmax(axis=1)
            tracks.keep(
                most_important(tracks.mean[:, X : Y + 1], label, centre, parameters.max_tracks)
            )
        return publish(
            tracks,
            np.array(self._modalities, np.int64),
            self._origin_m,
            self._stamp_ns,
            stamp_ns,
            self._tables,
        )
