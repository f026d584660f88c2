"""Samples of recordings whose road users are known exactly: what the vehicle would see of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_node.config import Config
from prediction_node.domain.agents import Agents
from prediction_node.domain.lane_map import LaneMap
from prediction_node.domain.recording import Recording
from prediction_node.domain.scene import Scene
from prediction_node.domain.stamps import NS_PER_S, STEP_NS, nanoseconds
from prediction_node.extraction.asking import Asking
from prediction_node.extraction.causal import ACCELERATION_S, observed_agents, steps_of
from prediction_node.extraction.noise import Distortion
from prediction_node.extraction.robotaxi import as_ego, driven_future, may_drive, nobody
from prediction_node.extraction.sight import COAST_S, Sight, knows_attributes
from prediction_node.learning.samples.labels import Tracks, futures
from prediction_node.learning.samples.sample import FUTURE_STEPS, Sample
from prediction_node.priority import most_at_risk
from prediction_node.scene.builder import SceneBuilder

MIN_PAST_STEPS = 10  # before the first scene: a second of history
_MIN_FUTURE_NS = NS_PER_S


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Everybody known at one instant, the robotaxi too if there is one, and their rows."""

    agents: Agents
    row: np.ndarray  # (N,) in the recording
    exact: Agents  # the same, without noise: how each of them knows itself


def samples_of(
    recording: Recording,
    lane_map: LaneMap | None,
    asking: Asking,
    *,
    group: str,
    origin: str,
    sight: Sight | None = None,
    true_headings: bool = False,
    instants: np.ndarray | None = None,
    config: Config | None = None,
) -> Iterator[Sample]:
    """The samples of a recording, every `asking.stride_s` from its second second on.

    `sight`: who is seen; None: everybody who is there. The robotaxi is the recording's; where it
    has none, `asking.egos` moving vehicles, drawn anew for every instant, take a turn each, and
    where nobody can, nobody does. `true_headings`: the recorded ones are those of the bodies at the
    instant; else moving bodies head where they have just gone to. `instants`: the only columns of
    the recording at which scenes are made, increasing; None: all.

    Agents are as an observer of the instant knows them, never from later positions; their pasts are
    what that observer has known so far.
    """
    config = config or Config()
    wanted = _wanted(recording, asking, instants)
    if not wanted:
        return
    perceived = _Perceived(recording, asking, sight, true_headings)
    tracks = Tracks(
        recording.stamp_ns, recording.position_m[..., :2], recording.yaw_rad, recording.valid
    )
    course: _Course | None = None
    for now, ego in _turns(recording, wanted, asking):
        begin = _begin_of_past(recording, now, config)
        perceived.forget_before(begin)
        if course is None or course.ego != ego or not begin <= course.next <= now:
            course = _Course(recording, perceived, lane_map, config, ego, begin)
        scene, rows = course.at(now)
        future, yaw, valid = futures(tracks, rows, scene.stamp_ns)
        if not valid.any():
            continue
        if ego is None:
            plan, planned = np.zeros((FUTURE_STEPS, 4)), np.zeros(FUTURE_STEPS, bool)
        else:
            plan, planned = driven_future(recording, ego, scene.stamp_ns)
        yield Sample(
            scene=scene,
            label=recording.label[rows].astype(np.int8),
            future_m=future,
            future_yaw_rad=yaw,
            future_valid=valid,
            ego_future=plan,
            ego_future_valid=planned,
            recording=recording.name,
            group=group,
            origin=origin,
        )


def _wanted(recording: Recording, asking: Asking, instants: np.ndarray | None) -> list[int]:
    """Instants with a second of past and of future, a stride apart."""
    stamps = recording.stamp_ns
    wanted: list[int] = []
    due_ns = int(stamps[0]) + MIN_PAST_STEPS * STEP_NS if len(stamps) else 0
    for k in range(len(stamps)) if instants is None else instants.tolist():
        stamp_ns = int(stamps[k])
        if stamp_ns >= due_ns and stamp_ns + _MIN_FUTURE_NS <= int(stamps[-1]):
            wanted.append(k)
            due_ns += (1 + (stamp_ns - due_ns) // asking.stride_ns) * asking.stride_ns
    return wanted


def _turns(
    recording: Recording, instants: Sequence[int], asking: Asking
) -> Iterator[tuple[int, int | None]]:
    """Instants and who is the robotaxi at them."""
    rng = asking.generator(recording.name, 1)
    for now in instants:
        if recording.ego is not None:
            yield now, recording.ego if recording.valid[recording.ego, now] else None
            continue
        rows = may_drive(recording, now)
        for row in rng.permutation(rows)[: asking.egos].tolist():
            yield now, row
        if not len(rows):
            yield now, None


def _begin_of_past(recording: Recording, now: int, config: Config) -> int:
    """The first instant that the history of a scene at `now` reaches back to."""
    past_ns = nanoseconds(config.scene.history_s + config.scene.max_gap_s)
    return int(np.searchsorted(recording.stamp_ns, int(recording.stamp_ns[now]) - past_ns))


class _Perceived:
    """What is known at every instant, made when first asked for, and soon forgotten: recordings
    may be long.
    """

    def __init__(
        self, recording: Recording, asking: Asking, sight: Sight | None, true_headings: bool
    ) -> None:
        self._recording = recording
        self._sight = sight
        self._true_headings = true_headings
        self._distortion = Distortion(asking.generator(recording.name, 2)) if asking.noise else None
        self._known: dict[int, _Known] = {}
        self._next = 0

    def at(self, now: int) -> _Known:
        """What is known at an instant that is not yet forgotten."""
        while self._next <= now:
            self._known[self._next] = self._make(self._next)
            self._next += 1
        return self._known[now]

    def forget_before(self, first: int) -> None:
        """Nobody will ask for instants before this one."""
        for k in [k for k in self._known if k < first]:
            del self._known[k]

    def _make(self, now: int) -> _Known:
        recording, sight = self._recording, self._sight
        there, ages = recording.valid[:, now], None
        if sight is not None:
            ages = sight.ages_s(int(recording.stamp_ns[now]))
            there = there & (ages.min(axis=1) <= COAST_S)
            if recording.ego is not None:
                there[recording.ego] = recording.valid[recording.ego, now]
        row = np.flatnonzero(there)
        begin = max(
            0, now - steps_of(recording, ACCELERATION_S)
        )  # observed_agents looks no farther
        agents, _ = observed_agents(_part(recording, row, begin, now), now - begin)
        if self._true_headings:
            agents = dataclasses.replace(agents, yaw_rad=recording.yaw_rad[row, now])
        exact, viewpoint = agents, _viewpoint(recording, agents, now)
        if ages is not None:
            agents = _as_seen(agents, ages[row], viewpoint)
        if self._distortion is not None:
            known = np.zeros(len(row), bool) if recording.ego is None else row == recording.ego
            agents = self._distortion.apply(agents, row, known, viewpoint)
        return _Known(agents, row, exact)


def _as_seen(agents: Agents, ages_s: np.ndarray, viewpoint_m: np.ndarray) -> Agents:
    """The agents with the ages of their last sightings, (N, MODALITY_COUNT), and no attributes but
    those that a camera can have recognised.
    """
    offset = agents.position_m[:, :2] - viewpoint_m
    told = knows_attributes(ages_s, np.hypot(offset[:, 0], offset[:, 1]))[:, None]
    return dataclasses.replace(
        agents,
        modality_age_s=ages_s,
        has_attribute=agents.has_attribute & told,
        attributes=np.where(told, agents.attributes, 0.0),
    )


def _viewpoint(recording: Recording, agents: Agents, now: int) -> np.ndarray:
    """(2,) from where things are seen: the nearer, the better."""
    ego = recording.ego
    if ego is not None and recording.valid[ego, now]:
        return recording.position_m[ego, now, :2]
    return np.median(agents.position_m[:, :2], axis=0) if len(agents) else np.zeros(2)


def _part(recording: Recording, row: np.ndarray, begin: int, now: int) -> Recording:
    """Rows (N,) of the recording at the instants from `begin` to `now`."""
    span = slice(begin, now + 1)
    return Recording(
        name=recording.name,
        stamp_ns=recording.stamp_ns[span],
        track_id=tuple(recording.track_id[k] for k in row.tolist()),
        label=recording.label[row],
        size_m=recording.size_m[row],
        position_m=recording.position_m[row, span],
        yaw_rad=recording.yaw_rad[row, span],
        velocity_mps=recording.velocity_mps[row, span],
        valid=recording.valid[row, span],
        attributes=recording.attributes[row, span],
        has_attribute=recording.has_attribute[row, span],
        ego=None,
        lights=recording.lights[span],
    )


class _Course:
    """Scenes as one robotaxi comes to see them, instant after instant."""

    def __init__(
        self,
        recording: Recording,
        perceived: _Perceived,
        lane_map: LaneMap | None,
        config: Config,
        ego: int | None,
        begin: int,
    ) -> None:
        """`begin`: the first instant that pasts are made of."""
        self.ego = ego
        self._recording = recording
        self._perceived = perceived
        self._lane_map = lane_map
        self._limit = config.cycle.max_agents
        self._builder = SceneBuilder(config.scene)
        self.next = begin

    def at(self, now: int) -> tuple[Scene, np.ndarray]:
        """The scene at an instant not before the last one asked for, and its agents' rows in the
        recording.
        """
        while self.next < now:
            self._step()
        return self._step()

    def _step(self) -> tuple[Scene, np.ndarray]:
        now, known = self.next, self._perceived.at(self.next)
        self.next += 1
        is_ego = known.row == (-1 if self.ego is None else self.ego)
        others, rows = known.agents.select(~is_ego), known.row[~is_ego]
        ego = as_ego(known.exact, int(np.argmax(is_ego))) if is_ego.any() else nobody(others)
        chosen = most_at_risk(others, ego, self._limit)
        scene = self._builder.build(
            others.select(chosen), ego, self._lane_map, self._recording.lights[now], ego.stamp_ns
        )
        return scene, rows[chosen]
