"""Fusion of any number of sources into one list of agents."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence

import numpy as np

from prediction_node.domain.agents import Agents, Ego
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import WALKERS, Modality
from prediction_node.domain.observations import SensorTracks
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.fusion import delete, heading
from prediction_node.fusion.associate import associate
from prediction_node.fusion.attributes import forget_attributes, fuse_attributes
from prediction_node.fusion.bounds import most_important, origin_for
from prediction_node.fusion.classes import class_probabilities, forget_classes, fuse_classes
from prediction_node.fusion.gate import candidate_pairs
from prediction_node.fusion.initiate import start_tracks
from prediction_node.fusion.measure import measurements, prepared
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.predict import (
    MotionNoise,
    Past,
    motion_noise,
    motion_table,
    predict,
    taken_back,
)
from prediction_node.fusion.publish import publish
from prediction_node.fusion.size import fuse_size, published_size
from prediction_node.fusion.tracks import YAW, TrackTable, X, Y
from prediction_node.fusion.update import split_update

NAMESPACE = uuid.UUID('6f7d2c1e-6d0b-5a55-9f0a-0c1f8a6f1f52')
_RECENT_STAMPS = 16  # of each source, to tell a message sent twice
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

        Reports are used in the order of their stamps, whatever the order they come in. A clock that
        jumps by more than the memory of a track, or backward, starts everything anew.
        """
        self._watch_clock(stamp_ns)
        limit_ns = nanoseconds(self._parameters.late_limit_s)
        for reports in sorted(observations, key=lambda r: (r.stamp_ns, r.source)):
            if abs(reports.stamp_ns - stamp_ns) <= limit_ns and self._is_new(reports):
                self._take(reports, ego)
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

    def _take(self, reports: SensorTracks, ego: Ego | None) -> None:
        """One message: advance the tracks to it, associate, update, initiate."""
        column = self._column_of(reports)
        reports = self._localised(reports, ego)
        tracks = self._tracks
        if self._stamp_ns is None:
            self._stamp_ns = reports.stamp_ns
        probabilities = class_probabilities(tracks.class_evidence)
        noise = motion_noise(self._motion_table, probabilities, tracks.has_heading)
        self._advance(max(reports.stamp_ns, self._stamp_ns), noise)
        late_s = seconds(self._stamp_ns - reports.stamp_ns)
        length_m = published_size(tracks.size_m, tracks.size_weight, probabilities)[:, 0]
        past = taken_back(tracks, noise, late_s, self._parameters)
        pairs = candidate_pairs(
            tracks,
            past,
            probabilities,
            length_m,
            reports,
            column,
            self._parameters,
        )
        rows, columns = associate(pairs, len(tracks), len(reports))
        self._update(rows, reports, columns, past, noise, length_m)
        self._note(rows, reports, columns, column)
        self._initiate(reports, columns, column, late_s)

    def _localised(self, reports: SensorTracks, ego: Ego | None) -> SensorTracks:
        """The most important reports relative to the local origin, none surer than its floor."""
        limit = self._parameters.max_reports
        if ego is not None:
            centre = ego.position_m
        elif len(reports):
            centre = reports.position_m[:, :2].mean(axis=0)
        else:
            centre = np.zeros(2) if self._origin_m is None else self._origin_m
        if len(reports) > limit:
            label = np.where(reports.has_class, reports.class_probabilities.argmax(axis=1), 0)
            reports = reports.select(
                most_important(reports.position_m[:, :2], label, centre, limit)
            )
        origin = origin_for(centre, self._origin_m)
        if self._origin_m is not None and origin is not self._origin_m:
            self._tracks.mean[:, X : Y + 1] += self._origin_m - origin
        self._origin_m = origin
        shift = np.array([origin[0], origin[1], 0.0])
        return prepared(reports, shift, self._parameters)

    def _advance(self, stamp_ns: int, noise: MotionNoise) -> None:
        """Move all tracks to `stamp_ns`, not before their instant."""
        assert self._stamp_ns is not None
        dt_s = seconds(stamp_ns - self._stamp_ns)
        if dt_s <= 0.0:
            return
        self._stamp_ns = stamp_ns
        tracks = self._tracks
        tracks.mean, tracks.independent, tracks.shared = predict(
            tracks, noise, dt_s, self._parameters
        )
        tracks.height_m[:, 1] += _HEIGHT_DRIFT_M2PS * dt_s
        tracks.class_evidence = forget_classes(tracks.class_evidence, dt_s, self._parameters)
        tracks.attribute_weight = forget_attributes(tracks.attribute_weight, dt_s, self._parameters)

    def _noise(self) -> MotionNoise:
        probabilities = class_probabilities(self._tracks.class_evidence)
        return motion_noise(self._motion_table, probabilities, self._tracks.has_heading)

    def _update(
        self,
        rows: np.ndarray,
        reports: SensorTracks,
        columns: np.ndarray,
        past: Past,
        noise: MotionNoise,
        length_m: np.ndarray,
    ) -> None:
        """State, heading and sign of heading of the matched `rows` (K,)."""
        tracks = self._tracks
        assert self._stamp_ns is not None
        silence_s = (self._stamp_ns - tracks.seen_ns[rows]) * 1e-9
        heading.adopt_headings(tracks, rows, reports, columns)
        for picked, told, evidence in measurements(
            tracks, rows, reports, columns, past, noise, length_m, silence_s, self._parameters
        ):
            at = rows[picked]
            tracks.mean[at], tracks.independent[at], tracks.shared[at] = split_update(
                tracks.mean[at], tracks.independent[at], tracks.shared[at], told
            )
            tracks.heading_evidence[at] += evidence
            tracks.front_told[at] |= evidence != 0.0
        tracks.mean[rows, YAW] = wrap_angle(tracks.mean[rows, YAW])
        heading.start_headings(tracks, rows)

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

    def _note(
        self, rows: np.ndarray, reports: SensorTracks, columns: np.ndarray, column: int
    ) -> None:
        """All else that the reports `columns` (K,) say of the tracks `rows` (K,)."""
        tracks, parameters, modality = self._tracks, self._parameters, reports.modality
        delete.count_misses(tracks, rows, column, reports.stamp_ns, modality, parameters)
        self._describe(tracks, rows, reports, columns)
        delete.count_hits(tracks, rows, reports.existence[columns], modality, parameters)
        tracks.seen_ns[rows] = np.maximum(tracks.seen_ns[rows], reports.stamp_ns)
        newer = reports.stamp_ns > tracks.source_seen_ns[rows, column]
        tracks.source_seen_ns[rows[newer], column] = reports.stamp_ns
        tracks.source_id[rows, column] = reports.id_hash[columns]
        tracks.source_has_id[rows, column] = reports.has_id[columns]

    def _describe(
        self, tracks: TrackTable, rows: np.ndarray, reports: SensorTracks, columns: np.ndarray
    ) -> None:
        """Class, attributes, size and height."""
        parameters, modality = self._parameters, reports.modality
        if reports.has_class.any():
            tracks.class_evidence[rows] = fuse_classes(
                tracks.class_evidence[rows],
                reports.class_probabilities[columns],
                reports.has_class[columns],
                parameters.class_trust[modality],
                parameters,
            )
        if reports.has_attribute.any():
            tracks.attribute[rows], tracks.attribute_weight[rows] = fuse_attributes(
                tracks.attribute[rows],
                tracks.attribute_weight[rows],
                reports.attributes[columns],
                reports.has_attribute[columns],
                parameters.attribute_trust[modality],
            )
        if reports.has_size.any():
            tracks.size_m[rows], tracks.size_weight[rows] = fuse_size(
                tracks.size_m[rows],
                tracks.size_weight[rows],
                reports.size_m[columns],
                reports.has_size[columns],
                parameters.size_trust[modality],
            )
        variance = tracks.height_m[rows, 1]
        gain = variance / (variance + parameters.height_sigma_m[modality] ** 2)
        tracks.height_m[rows, 0] += gain * (
            reports.position_m[columns, 2] - tracks.height_m[rows, 0]
        )
        tracks.height_m[rows, 1] = (1.0 - gain) * variance

    def _initiate(
        self, reports: SensorTracks, matched: np.ndarray, column: int, late_s: float
    ) -> None:
        """Start tracks from all reports that were not matched."""
        free = np.ones(len(reports), bool)
        free[matched] = False
        columns = np.flatnonzero(free)
        if not len(columns):
            return
        born, columns = start_tracks(
            reports,
            columns,
            self._tracks.source_count,
            self._namespace,
            self._born,
            self._parameters,
        )
        self._born += len(born)
        first = len(self._tracks)
        if late_s > 0.0:
            noise = motion_noise(
                self._motion_table, class_probabilities(born.class_evidence), born.has_heading
            )
            born.mean, born.independent, born.shared = predict(
                born, noise, late_s, self._parameters
            )
        self._tracks.append(born)
        self._note(first + np.arange(len(columns)), reports, columns, column)

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
            self._noise(),
            np.array(self._modalities, np.int64),
            self._origin_m,
            self._stamp_ns,
            stamp_ns,
            parameters,
        )
