"""How well a list of fused agents follows the truth: identities, positions, velocities, headings.

MOTA after K. Bernardin, R. Stiefelhagen, "Evaluating multiple object tracking performance: the
CLEAR MOT metrics", EURASIP JIVP 2008; IDF1 after E. Ristani et al., "Performance measures and a
data set for multi-target, multi-camera tracking", ECCV Workshops 2016. A test holds both equal to
those of the motmetrics package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from prediction_node.domain.agents import Agents
from prediction_node.domain.frames import wrap_angle
from prediction_node.domain.kinds import WALKERS, class_mask

GATE_M = 2.0
MOVING_MPS = 1.0
SETTLED_FRAMES = 10  # matched this often before: the filter has settled
_FORBIDDEN = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class TruthFrame:
    """M road users at one instant, map frame."""

    stamp_ns: int
    id: np.ndarray  # (M,) int64
    position_m: np.ndarray  # (M, 2) or (M, 3)
    yaw_rad: np.ndarray  # (M,)
    velocity_mps: np.ndarray  # (M, 2)
    label: np.ndarray  # (M,) ObjectClass
    in_view: np.ndarray  # (M,) bool: some sensor could see it; what none could is not judged


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """P matched pairs of a truth in view and an agent, all frames after each other."""

    frame: np.ndarray  # (P,) int64
    truth_id: np.ndarray  # (P,) int64
    position_error_m: np.ndarray  # (P, 2)
    velocity_error_mps: np.ndarray  # (P, 2)
    yaw_error_rad: np.ndarray  # (P,)
    position_nees: np.ndarray  # (P,) squared Mahalanobis distance, 2 expected
    speed_nees: np.ndarray  # (P,) 1 expected
    yaw_nees: np.ndarray  # (P,) 1 expected
    moving: np.ndarray  # (P,) bool
    walks: np.ndarray  # (P,) bool
    settled: np.ndarray  # (P,) bool: the same pair was matched SETTLED_FRAMES frames before
    label_right: np.ndarray  # (P,) bool


@dataclass(frozen=True, slots=True)
class Identities:
    """Counts over a recording; recordings add up."""

    truths: int = 0
    agents: int = 0
    misses: int = 0
    false_positives: int = 0
    switches: int = 0
    identity_true_positives: int = 0

    def __add__(self, other: Identities) -> Identities:
        return Identities(
            *(getattr(self, n) + getattr(other, n) for n in Identities.__dataclass_fields__)
        )

    @property
    def idf1(self) -> float:
        return 2.0 * self.identity_true_positives / max(self.truths + self.agents, 1)

    @property
    def mota(self) -> float:
        return 1.0 - (self.misses + self.false_positives + self.switches) / max(self.truths, 1)


def judge_tracking(
    truth: Sequence[TruthFrame], frames: Sequence[Agents], gate_m: float = GATE_M
) -> tuple[Identities, Matches]:
    """Match agents with truths of the same instants, at most `gate_m` apart.

    An agent whose partner is out of view of all sensors counts neither for nor against. Raises
    ValueError if the instants differ.
    """
    if len(truth) != len(frames):
        raise ValueError(f'{len(truth)} frames of truth, but {len(frames)} of agents')
    for true, agents in zip(truth, frames, strict=True):
        if true.stamp_ns != agents.stamp_ns:
            raise ValueError(f'truth at {true.stamp_ns} ns, but agents at {agents.stamp_ns} ns')
    frames = [_judged(true, agents, gate_m) for true, agents in zip(truth, frames, strict=True)]
    truth = [_select(true, true.in_view) for true in truth]
    names = {key: i for i, key in enumerate({_key(u) for a in frames for u in a.uuid})}
    distances = [_distances(t, a) for t, a in zip(truth, frames, strict=True)]
    tracks = [np.array([names[_key(u)] for u in a.uuid], np.int64) for a in frames]
    pairs, switches = _clear_mot(truth, tracks, distances, gate_m)
    matched = sum(len(rows) for rows, _ in pairs)
    truths, agents_count = sum(len(t.id) for t in truth), sum(len(a) for a in frames)
    identities = Identities(
        truths=truths,
        agents=agents_count,
        misses=truths - matched,
        false_positives=agents_count - matched,
        switches=switches,
        identity_true_positives=_identity_true_positives(truth, tracks, distances, gate_m),
    )
    return identities, _errors(truth, frames, tracks, pairs)


def _key(uuid: np.ndarray) -> bytes:
    return bytes(uuid)


def _select(true: TruthFrame, rows: np.ndarray) -> TruthFrame:
    return TruthFrame(
        true.stamp_ns,
        true.id[rows],
        true.position_m[rows],
        true.yaw_rad[rows],
        true.velocity_mps[rows],
        true.label[rows],
        true.in_view[rows],
    )


def _distances(true: TruthFrame, agents: Agents) -> np.ndarray:
    """(M, N) metres."""
    offset = true.position_m[:, None, :2] - agents.position_m[None, :, :2]
    return np.asarray(np.hypot(offset[..., 0], offset[..., 1]))


def _assign(distance: np.ndarray, gate_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pairs inside the gate: as many as can be, the nearest of these."""
    rows, columns = linear_sum_assignment(np.where(distance <= gate_m, distance, _FORBIDDEN))
    inside = distance[rows, columns] <= gate_m
    return rows[inside], columns[inside]


def _judged(true: TruthFrame, agents: Agents, gate_m: float) -> Agents:
    """The agents without those that follow something out of view."""
    rows, columns = _assign(_distances(true, agents), gate_m)
    judged = np.ones(len(agents), bool)
    judged[columns[~true.in_view[rows]]] = False
    return agents.select(judged)


def _clear_mot(
    truth: Sequence[TruthFrame],
    tracks: Sequence[np.ndarray],
    distances: Sequence[np.ndarray],
    gate_m: float,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], int]:
    """Pairs of each frame, where old pairs go on as long as they stay inside the gate; switches."""
    last: dict[int, int] = {}
    switches = 0
    pairs = []
    for true, track, distance in zip(truth, tracks, distances, strict=True):
        column_of = {int(t): j for j, t in enumerate(track)}
        kept = [
            (i, column_of[last[int(t)]])
            for i, t in enumerate(true.id)
            if last.get(int(t)) in column_of and distance[i, column_of[last[int(t)]]] <= gate_m
        ]
        rows, columns = _keep_first(kept)
        left = distance.copy()
        left[rows] = left[:, columns] = np.inf
        more_rows, more_columns = _assign(left, gate_m)
        rows, columns = np.append(rows, more_rows), np.append(columns, more_columns)
        for i, j in zip(rows, columns, strict=True):
            before = last.get(int(true.id[i]))
            switches += int(before is not None and before != int(track[j]))
            last[int(true.id[i])] = int(track[j])
        pairs.append((rows, columns))
    return pairs, switches


def _keep_first(kept: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Two truths may have had the same track before: the first keeps it."""
    taken: dict[int, int] = {}
    for i, j in kept:
        taken.setdefault(j, i)
    rows = np.fromiter(taken.values(), np.int64, len(taken))
    return rows, np.fromiter(taken.keys(), np.int64, len(taken))


def _identity_true_positives(
    truth: Sequence[TruthFrame],
    tracks: Sequence[np.ndarray],
    distances: Sequence[np.ndarray],
    gate_m: float,
) -> int:
    """Frames covered if truths and tracks were paired once and for all, as well as can be."""
    ids = np.unique(np.concatenate([t.id for t in truth])) if truth else np.zeros(0, np.int64)
    count = 1 + max((int(t.max()) for t in tracks if len(t)), default=-1)
    together = np.zeros((len(ids), count))
    for true, track, distance in zip(truth, tracks, distances, strict=True):
        rows, columns = np.nonzero(distance <= gate_m)
        np.add.at(together, (np.searchsorted(ids, true.id[rows]), track[columns]), 1)
    rows, columns = linear_sum_assignment(-together)
    return int(together[rows, columns].sum())


def _errors(
    truth: Sequence[TruthFrame],
    frames: Sequence[Agents],
    tracks: Sequence[np.ndarray],
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
) -> Matches:
    age: dict[tuple[int, int], int] = {}
    parts: list[dict[str, np.ndarray]] = [_no_errors()]
    for k, (true, agents, track) in enumerate(zip(truth, frames, tracks, strict=True)):
        i, j = pairs[k]
        seen = []
        for one in zip(true.id[i].tolist(), track[j].tolist(), strict=True):
            seen.append(age.get(one, 0))
            age[one] = seen[-1] + 1
        position = agents.position_m[j, :2] - true.position_m[i, :2]
        velocity = agents.velocity_mps[j] - true.velocity_mps[i]
        yaw = wrap_angle(agents.yaw_rad[j] - true.yaw_rad[i])
        ahead = np.stack([np.cos(true.yaw_rad[i]), np.sin(true.yaw_rad[i])], axis=1)
        covariance = agents.covariance[j]
        speed = agents.speed_mps[j] - (true.velocity_mps[i] * ahead).sum(axis=1)
        solved = np.linalg.solve(covariance[:, :2, :2], position[:, :, None])[:, :, 0]
        parts.append(
            {
                'frame': np.full(len(i), k),
                'truth_id': true.id[i],
                'position_error_m': position,
                'velocity_error_mps': velocity,
                'yaw_error_rad': yaw,
                'position_nees': (position * solved).sum(axis=1),
                'speed_nees': speed**2 / covariance[:, 3, 3],
                'yaw_nees': yaw**2 / covariance[:, 2, 2],
                'moving': np.hypot(*true.velocity_mps[i].T) > MOVING_MPS,
                'walks': class_mask(WALKERS)[true.label[i]],
                'settled': np.array(seen, np.int64) >= SETTLED_FRAMES,
                'label_right': agents.label[j] == true.label[i],
            }
        )
    return Matches(
        **{name: np.concatenate([p[name] for p in parts]) for name in Matches.__dataclass_fields__}
    )


def _no_errors() -> dict[str, np.ndarray]:
    """The columns of Matches without a row."""
    whole, flags, pairs = np.zeros(0, np.int64), np.zeros(0, bool), np.zeros((0, 2))
    return {
        'frame': whole,
        'truth_id': whole,
        'position_error_m': pairs,
        'velocity_error_mps': pairs,
        'yaw_error_rad': np.zeros(0),
        'position_nees': np.zeros(0),
        'speed_nees': np.zeros(0),
        'yaw_nees': np.zeros(0),
        'moving': flags,
        'walks': flags,
        'settled': flags,
        'label_right': flags,
    }


def joined(parts: Sequence[Matches], frames: int) -> Matches:
    """Matches of several recordings of at most so many frames; those of different recordings are
    kept apart, in the same way for all variants of the same recordings.
    """
    columns = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in Matches.__dataclass_fields__
    }
    columns['frame'] = np.concatenate([p.frame + frames * k for k, p in enumerate(parts)])
    return Matches(**columns)


def figures(
    identities: Identities, matches: Matches, paired_with: Matches | None = None
) -> dict[str, float]:
    """The numbers of one variant; NaN where there is nothing to measure.

    `position_rmse_m` is over all matches. `position_rmse_paired_m` only over the instants at which
    the other variant has a match as well: who follows only what is near must not win by it.
    `position_rmse_missed_m` is over everything in view, where a miss costs the gate.
    """
    squared = np.square(matches.position_error_m).sum(axis=1)
    vehicles = matches.moving & ~matches.walks & matches.settled
    walkers = matches.walks & matches.settled
    out = {
        'idf1': identities.idf1,
        'mota': identities.mota,
        'switches': float(identities.switches),
        'recall': 1.0 - identities.misses / max(identities.truths, 1),
        'precision': 1.0 - identities.false_positives / max(identities.agents, 1),
        'position_rmse_m': _root_mean(squared),
        'position_rmse_missed_m': float(
            np.sqrt((squared.sum() + identities.misses * GATE_M**2) / max(identities.truths, 1))
        ),
        'velocity_rmse_mps': _root_mean(np.square(matches.velocity_error_mps).sum(axis=1)),
        'moving_velocity_rmse_mps': _root_mean(
            np.square(matches.velocity_error_mps[vehicles]).sum(axis=1)
        ),
        'moving_heading_error_deg': _mean(np.rad2deg(np.abs(matches.yaw_error_rad[vehicles]))),
        'moving_heading_rmse_deg': _root_mean(
            np.square(np.rad2deg(matches.yaw_error_rad[vehicles]))
        ),
        'walker_velocity_rmse_mps': _root_mean(
            np.square(matches.velocity_error_mps[walkers]).sum(axis=1)
        ),
        'position_nees': _mean(matches.position_nees) / 2.0,
        'speed_nees': _mean(matches.speed_nees[vehicles]),
        'yaw_nees': _mean(matches.yaw_nees[vehicles]),
        'class_right': _mean(matches.label_right),
    }
    if paired_with is not None:
        both = _in(matches, paired_with)
        out['position_rmse_paired_m'] = _root_mean(squared[both])
        velocity = np.square(matches.velocity_error_mps[both & vehicles]).sum(axis=1)
        out['velocity_rmse_paired_mps'] = _root_mean(velocity)
    return out


def _in(matches: Matches, other: Matches) -> np.ndarray:
    """(P,) bool: the same truth at the same instant is matched in the other, too."""
    width = 1 + max((int(m.truth_id.max()) for m in (matches, other) if len(m.truth_id)), default=0)
    return np.isin(matches.frame * width + matches.truth_id, other.frame * width + other.truth_id)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float('nan')


def _root_mean(squares: np.ndarray) -> float:
    return float(np.sqrt(_mean(squares)))
