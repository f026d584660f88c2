"""Which tracks were missed, which are dead, and which are one object twice."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from prediction_node.compiled import compiled

X, Y, VX, VY = range(4)
NOBODY = -1


class Followed(NamedTuple):
    """N tracks, as far as their existence goes."""

    mean: np.ndarray  # (N, 7)
    independent: np.ndarray  # (N, 7, 7)
    shared: np.ndarray  # (N, 7, 7)
    confirmed: np.ndarray  # (N,) bool
    log_odds: np.ndarray  # (N,)
    seen_ns: np.ndarray  # (N,) int64
    source_seen_ns: np.ndarray  # (N, S) int64
    serial: np.ndarray  # (N,) int64


@compiled
def count_misses(
    log_odds: np.ndarray,
    source_seen_ns: np.ndarray,
    owner: np.ndarray,
    message: np.ndarray,
    stamp_ns: np.ndarray,
    column: np.ndarray,
    loss: np.ndarray,
    window_ns: int,
) -> None:
    """Lower the log-odds (N,) of tracks that a source saw just now and does not report any more.

    Of the R reports of M messages, `owner` (R,) is the track that each was given to, or -1, and
    `message` (R,) its message, made at stamp_ns (M,) by the source `column` (M,). A source that
    never saw the object (source_seen_ns (N, S)), or lost it more than window_ns ago (hidden, out of
    range), says nothing about it; else a miss costs `loss` (M,).
    """
    tracks, messages = len(log_odds), len(stamp_ns)
    hit = np.zeros((tracks, messages), np.bool_)
    for r in range(len(owner)):
        if owner[r] != NOBODY:
            hit[owner[r], message[r]] = True
    for n in range(tracks):
        for m in range(messages):
            age_ns = stamp_ns[m] - source_seen_ns[n, column[m]]
            if 0 < age_ns <= window_ns and not hit[n, m]:
                log_odds[n] -= loss[m]


@compiled
def alive(
    tracks: Followed,
    stamp_ns: int,
    remember_ns: int,
    tentative_ns: int,
    death_log_odds: float,
    coasting_ns: int,
    widest_m2: float,
) -> np.ndarray:
    """(N,) bool: tracks that exist at stamp_ns.

    They were seen within remember_ns (tentative_ns, if not confirmed), are likelier than
    death_log_odds, and have a place less uncertain than widest_m2 once unseen for coasting_ns.
    """
    out = np.empty(len(tracks.mean), np.bool_)
    for n in range(len(out)):
        unseen_ns = stamp_ns - tracks.seen_ns[n]
        out[n] = tracks.log_odds[n] > death_log_odds
        if unseen_ns > (remember_ns if tracks.confirmed[n] else tentative_ns):
            out[n] = False
        if unseen_ns > coasting_ns:
            spread = 0.0
            for i in (X, Y):
                spread += 0.5 * (tracks.independent[n, i, i] + tracks.shared[n, i, i])
            if spread > widest_m2:
                out[n] = False
    return out


@compiled
def near_pairs(
    mean: np.ndarray, seen_ns: np.ndarray, since_ns: int, distance_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (P, 2) of different tracks, states (N, 7), seen since then and nearer to each other
    than that, and their squared distances (P,) in m^2.
    """
    squared_m2 = distance_m * distance_m
    room = len(mean)
    for _ in range(2):
        pairs, apart = np.empty((room, 2), np.int64), np.empty(room)
        found = 0
        for i in range(len(mean)):
            if seen_ns[i] < since_ns:
                continue
            for j in range(i + 1, len(mean)):
                dx, dy = mean[i, X] - mean[j, X], mean[i, Y] - mean[j, Y]
                if dx * dx + dy * dy < squared_m2 and seen_ns[j] >= since_ns:
                    if found < room:
                        pairs[found, 0], pairs[found, 1] = i, j
                        apart[found] = dx * dx + dy * dy
                    found += 1
        if found <= room:
            break
        room = found
    return pairs[:found].copy(), apart[:found].copy()


@compiled
def duplicates(
    tracks: Followed,
    pairs: np.ndarray,
    class_probabilities: np.ndarray,
    class_prior: np.ndarray,
    squared_limit: float,
    contradiction: float,
    told_apart_ns: int,
) -> np.ndarray:
    """(N,) bool: tracks to drop, since another one follows their object; see delete.duplicates.

    Of the pairs (P, 2), nearest first, that are one object the lesser is dropped; a track that is
    dropped drops none.
    """
    doomed = np.zeros(len(tracks.mean), np.bool_)
    for p in range(len(pairs)):
        i, j = pairs[p, 0], pairs[p, 1]
        if (
            not doomed[i]
            and not doomed[j]
            and _squared_distance(tracks, i, j) < squared_limit
            and _disagreement(class_probabilities, class_prior, i, j) < contradiction
            and not _told_apart(tracks, i, j, told_apart_ns)
        ):
            doomed[_lesser(tracks, i, j)] = True
    return doomed


@compiled
def _squared_distance(tracks: Followed, i: int, j: int) -> float:
    """The greater squared Mahalanobis distance of two tracks: that of places or of velocities."""
    greatest = 0.0
    for x, y in ((X, Y), (VX, VY)):
        xx = tracks.independent[i, x, x] + tracks.shared[i, x, x]
        yy = tracks.independent[i, y, y] + tracks.shared[i, y, y]
        xy = tracks.independent[i, x, y] + tracks.shared[i, x, y]
        xx += tracks.independent[j, x, x] + tracks.shared[j, x, x]
        yy += tracks.independent[j, y, y] + tracks.shared[j, y, y]
        xy += tracks.independent[j, x, y] + tracks.shared[j, x, y]
        dx, dy = tracks.mean[i, x] - tracks.mean[j, x], tracks.mean[i, y] - tracks.mean[j, y]
        squared = (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / (xx * yy - xy * xy)
        greatest = max(greatest, squared)
    return greatest


@compiled
def _disagreement(probabilities: np.ndarray, prior: np.ndarray, i: int, j: int) -> float:
    """-2 log of how much likelier two tracks are one class than two; see classes.py."""
    shared = 0.0
    for c in range(len(prior)):
        shared += probabilities[i, c] * probabilities[j, c] / prior[c]
    return -2.0 * math.log(max(shared, 1e-3))


@compiled
def _told_apart(tracks: Followed, i: int, j: int, told_apart_ns: int) -> bool:
    """Whether one message reported both tracks within the last told_apart_ns."""
    for s in range(tracks.source_seen_ns.shape[1]):
        seen_ns = tracks.source_seen_ns[i, s]
        if seen_ns == tracks.source_seen_ns[j, s] and seen_ns > tracks.seen_ns[i] - told_apart_ns:
            return True
    return False


@compiled
def _lesser(tracks: Followed, i: int, j: int) -> int:
    """The track of two to drop: the unconfirmed before the confirmed, then the younger."""
    if tracks.confirmed[i] != tracks.confirmed[j]:
        return j if tracks.confirmed[i] else i
    return i if tracks.serial[i] > tracks.serial[j] else j
