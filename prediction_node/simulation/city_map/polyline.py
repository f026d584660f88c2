"""Plane geometry of lanes' lines: offsets, means, cuts. Heights ride along."""

from __future__ import annotations

import numpy as np

SAME_M = 1e-3
# A vertex of an offset line lies at most this many offsets away from the vertex it belongs to.
SHARPEST_MITRE = 2.0


def arc_length_m(line_m: np.ndarray) -> np.ndarray:
    """(n,) metres from the first point, in the plane."""
    along = np.zeros(len(line_m))
    step = line_m[1:, :2] - line_m[:-1, :2]
    np.cumsum(np.sqrt(step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]), out=along[1:])
    return along


def length_m(line_m: np.ndarray) -> float:
    step = line_m[1:, :2] - line_m[:-1, :2]
    return float(np.sqrt(step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]).sum())


def without_repeats(line_m: np.ndarray) -> np.ndarray:
    """Without points that stand on their predecessor; the last point always stays."""
    step = np.diff(line_m[:, :2], axis=0)
    moves = np.hypot(step[:, 0], step[:, 1]) > SAME_M
    if moves.all():
        return line_m
    kept = np.concatenate([[True], moves])
    kept[-1] = True
    if len(kept) > 2 and not moves[-1]:
        kept[-2] = len(kept) == 2 or not kept[:-2].any()
    return np.asarray(line_m[kept])


def at(line_m: np.ndarray, place_m: np.ndarray) -> np.ndarray:
    """(k, 3) points at (k,) arc lengths, which are limited to the line."""
    return _at(line_m, arc_length_m(line_m), place_m)


def at_shares(line_m: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(k, 3) points at (k,) shares, 0 to 1, of the line's length."""
    along = arc_length_m(line_m)
    return _at(line_m, along, share * along[-1])


def _at(line_m: np.ndarray, along: np.ndarray, place_m: np.ndarray) -> np.ndarray:
    first = np.minimum(np.maximum(along.searchsorted(place_m, 'right') - 1, 0), len(along) - 2)
    step = along[first + 1] - along[first]
    share = (place_m - along[first]) / np.where(step > 0.0, step, 1.0)
    share = np.minimum(np.maximum(share, 0.0), 1.0)[:, None]
    return np.asarray((1.0 - share) * line_m[first] + share * line_m[first + 1])


def part(line_m: np.ndarray, start_m: float, end_m: float) -> np.ndarray:
    """The line from one arc length to another, at least two points."""
    along = arc_length_m(line_m)
    inner = (along > start_m + SAME_M) & (along < end_m - SAME_M)
    ends = at(line_m, np.array([start_m, end_m]))
    return np.concatenate([ends[:1], line_m[inner], ends[1:]])


def tangents(line_m: np.ndarray) -> np.ndarray:
    """(n - 1, 2) unit direction of every segment; of a segment without length, its neighbour's."""
    step = np.diff(line_m[:, :2], axis=0)
    norm = np.hypot(step[:, 0], step[:, 1])
    long = norm > 1e-9
    if not long.any():
        return np.tile([1.0, 0.0], (len(step), 1))
    before = np.maximum.accumulate(np.where(long, np.arange(len(step)), -1))
    source = np.where(before >= 0, before, int(np.argmax(long)))
    return np.asarray(step[source] / norm[source, None])


def frames(line_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) unit tangents at the vertices, (n, 2) mitres: one metre to the left of both segments.

    Mitres of sharp corners are cut to SHARPEST_MITRE.
    """
    direction = tangents(line_m)
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=-1)
    before = np.concatenate([normal[:1], normal])
    after = np.concatenate([normal, normal[-1:]])
    total = before + after
    squared = np.maximum((total**2).sum(axis=1), 1e-6)
    mitre = 2.0 * total / squared[:, None]
    size = np.hypot(mitre[:, 0], mitre[:, 1])
    mitre *= (np.minimum(size, SHARPEST_MITRE) / size)[:, None]
    unit = total / np.sqrt(squared)[:, None]
    return np.stack([unit[:, 1], -unit[:, 0]], axis=-1), mitre


def offset(line_m: np.ndarray, left_m: float) -> np.ndarray:
    """(n, 3) the line moved to the left; where it would run backwards, points are left out."""
    _, mitre = frames(line_m)
    moved = line_m.copy()
    moved[:, :2] += left_m * mitre
    return forward_only(moved, line_m)


def forward_only(line_m: np.ndarray, guide_m: np.ndarray) -> np.ndarray:
    """A line of (n, 3) without the points where it runs against its guide, point by point.

    On the inner side of curves tighter than the offset the moved line turns back; both ends stay.
    """
    kept = np.arange(len(line_m))
    while len(kept) > 2:
        ahead = np.diff(line_m[kept, :2], axis=0)
        along = np.diff(guide_m[kept, :2], axis=0)
        bad = np.flatnonzero((ahead * along).sum(axis=1) <= 1e-6)
        if not len(bad):
            break
        drop = np.union1d(bad, bad + 1)
        drop = drop[(drop > 0) & (drop < len(kept) - 1)]
        if not len(drop):
            break
        kept = np.delete(kept, drop)
    return np.asarray(line_m[kept])


def mean_line(a_m: np.ndarray, b_m: np.ndarray) -> np.ndarray:
    """(k, 3) midway between two lines: vertex by vertex, else at equal shares of their lengths."""
    if len(a_m) == len(b_m):
        return np.asarray(0.5 * (a_m + b_m))
    shares = []
    for line in (a_m, b_m):
        along = arc_length_m(line)
        shares.append(along / along[-1] if along[-1] > 0.0 else np.linspace(0.0, 1.0, len(line)))
    share = np.unique(np.round(np.concatenate(shares), 6))
    return np.asarray(0.5 * (at_shares(a_m, share) + at_shares(b_m, share)))


def apart_m(a_m: np.ndarray, b_m: np.ndarray) -> float:
    """Largest distance between two lines at equal shares of their lengths."""
    share = np.linspace(0.0, 1.0, 9)
    gap = at_shares(a_m, share) - at_shares(b_m, share)
    return float(np.hypot(gap[:, 0], gap[:, 1]).max())


def distance_m(line_m: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """(k,) distance in the plane of (k, 3) points from a line."""
    start, step = line_m[None, :-1, :2], np.diff(line_m[:, :2], axis=0)[None]
    apart = points_m[:, None, :2] - start
    share = (apart * step).sum(axis=2) / np.maximum((step**2).sum(axis=2), 1e-12)
    away = apart - np.clip(share, 0.0, 1.0)[..., None] * step
    return np.asarray(np.sqrt((away**2).sum(axis=2).min(axis=1)))


def cross(a_m: np.ndarray, b_m: np.ndarray) -> bool:
    """Whether two lines cross or touch in the plane."""
    p, r = a_m[:-1, None, :2], np.diff(a_m[:, :2], axis=0)[:, None]
    q, s = b_m[None, :-1, :2], np.diff(b_m[:, :2], axis=0)[None]
    turn = r[..., 0] * s[..., 1] - r[..., 1] * s[..., 0]
    turn = np.where(turn == 0.0, np.inf, turn)  # of parallel pieces none crosses the other
    apart = q - p
    t = (apart[..., 0] * s[..., 1] - apart[..., 1] * s[..., 0]) / turn
    u = (apart[..., 0] * r[..., 1] - apart[..., 1] * r[..., 0]) / turn
    met = (turn != np.inf) & (t >= 0.0) & (t <= 1.0) & (u >= 0.0) & (u <= 1.0)
    return bool(met.any())


def is_left_of(line_m: np.ndarray, point_m: np.ndarray) -> bool:
    """Whether a point (2,) or (3,) lies to the left of the line's nearest piece."""
    start, step = line_m[:-1, :2], np.diff(line_m[:, :2], axis=0)
    apart = point_m[:2] - start
    share = (apart * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
    away = apart - np.clip(share, 0.0, 1.0)[:, None] * step
    k = int(np.argmin((away**2).sum(axis=1)))
    return bool(step[k, 0] * away[k, 1] - step[k, 1] * away[k, 0] > 0.0)


def side_by_side(left_m: np.ndarray, right_m: np.ndarray) -> bool:
    """Whether two borders run the same way, as readers find out: the middle of either lies on the
    proper side of the other.
    """
    middles = [
        line[len(line) // 2] if len(line) > 2 else line.mean(axis=0) for line in (left_m, right_m)
    ]
    return is_left_of(right_m, middles[0]) and not is_left_of(left_m, middles[1])
