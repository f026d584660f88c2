"""Update by split covariance intersection.

Reports of one source are tracks, already filtered: part of the error of one report comes again in
the next, and counting it twice makes a filter sure of what it does not know. Split covariance
intersection (S. J. Julier, J. K. Uhlmann, in Handbook of Multisensor Data Fusion, 2001, ch. 12; H.
Li, F. Nashashibi, M. Yang, IEEE Trans. ITS 14(4), 2013) keeps the shared part of all errors apart
and intersects it, while the independent part is combined as a Kalman filter would:

    P1 = S/omega + I,  P2 = R_shared/(1 - omega) + R_independent,  K = P1 H'(H P1 H' + P2)^-1.

With `shared_error` 1 this is plain covariance intersection, with 0 the Kalman filter.

All reports that a track gets at once are used in one update, by adding their information
L = H' P2^-1 H and H' P2^-1 (z - h(x)): with T = (1 + P1 L)^-1 the fused covariance is T P1, and
what is left of an error of the track is T times it. The sources of these reports err independently
of each other; only with the past of its own does each share a part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from prediction_node.fusion.groups import lengths
from prediction_node.fusion.tracks import STATE_COUNT, VX, VY, YAW, X, Y

# omega is searched on this grid, track by track: the cost is flat near its minimum.
SURPRISING = 0.002  # share of innovations that are larger, if all is as modelled
MAX_OPENING = 50.0
_ROUNDING = 1e-10 * np.eye(STATE_COUNT)
WIDEST_M, WIDEST_MPS = 3.0, 10.0  # nothing is opened beyond these sigmas
OMEGA_GRID = np.array([0.5, 0.7, 0.83, 0.91, 0.96, 0.985, 1.0 - 1e-6])


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What K tracks are told by R reports, linearised; reports of one track lie side by side.

    Innovation and information are of the state as it was when the report was made, zero where the
    report says nothing. The information is that of the report alone: of place, velocity, yaw and
    yaw rate apart. What is known besides all reports comes as information of the present state.
    """

    first: np.ndarray  # (K,) int64 first report of each track
    innovation: np.ndarray  # (R, STATE_COUNT) z - x
    information: np.ndarray  # (R, STATE_COUNT, STATE_COUNT) inverse covariances
    jacobian: np.ndarray  # (R, STATE_COUNT, STATE_COUNT) of the past by the present state
    shared_part: np.ndarray  # (R,) of the report's covariance that its source repeats
    known: np.ndarray  # (K, STATE_COUNT) information times innovation of what else is known
    known_information: np.ndarray  # (K, STATE_COUNT, STATE_COUNT)


def omega_of(
    independent: np.ndarray, shared: np.ndarray, r_independent: np.ndarray, r_shared: np.ndarray
) -> np.ndarray:
    """(K,) weights that minimise the determinant of the fused position, all inputs (K, 2, 2).

    With P1, P2 as above the fused covariance has the determinant |P1||P2| / |P1 + P2|.
    """
    omega = OMEGA_GRID[:, None]

    def mixed(part: np.ndarray, whole: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
        return [whole[:, i, j] / weight + part[:, i, j] for i, j in ((0, 0), (1, 1), (0, 1))]

    first = mixed(independent, shared, omega)
    second = mixed(r_independent, r_shared, 1.0 - omega)

    def determinant(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> np.ndarray:
        area: np.ndarray = np.maximum(xx * yy - xy * xy, 1e-300)
        return area

    both = determinant(*(a + b for a, b in zip(first, second, strict=True)))
    fused = determinant(*first) / both * determinant(*second)
    best: np.ndarray = OMEGA_GRID[np.argmin(fused, axis=0)]
    return best


def split_update(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, told: Told
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (K, 7) and both covariance parts (K, 7, 7) after the reports.

    Where the reports surprise the track (a jump that neither noise explains) its covariance is
    opened first, by as much as they surprise: it then follows at once what it had not foreseen (a
    strong tracking filter, D. H. Zhou, P. M. Frank, Int. J. Control 65(2), 1996, with one factor a
    track).
    """
    omega = _omega(independent, shared, told)
    inflated = _inflated(shared, omega, told)
    evidence = _evidence(omega, told)
    fused = _fused(mean, independent, inflated, evidence)
    surprise = _surprise(independent + inflated, evidence)
    jumped = np.flatnonzero(surprise > 1.0)
    if len(jumped):
        opening = _opening(surprise[jumped], independent[jumped] + shared[jumped])
        followed = _fused(
            mean[jumped],
            opening * independent[jumped],
            opening * inflated[jumped],
            evidence.of(jumped),
        )
        for all_tracks, some in zip(fused, followed, strict=True):
            all_tracks[jumped] = some
    return fused


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """All reports of each track added up."""

    direction: np.ndarray  # (K, 7) information times innovation
    information: np.ndarray  # (K, 7, 7)
    shared: np.ndarray  # (K, 7, 7) covariance of the shared errors in `direction`
    seen: np.ndarray  # (K, 4) of place and velocity alone, as they were reported
    seen_information: np.ndarray  # (K, 4, 4) block-diagonal

    def of(self, rows: np.ndarray) -> _Evidence:
        return _Evidence(
            self.direction[rows],
            self.information[rows],
            self.shared[rows],
            self.seen[rows],
            self.seen_information[rows],
        )


def _omega(independent: np.ndarray, shared: np.ndarray, told: Told) -> np.ndarray:
    """(K,) weights for all reports of a track together; about 1 where none repeats anything."""
    place = told.information[:, :2, :2].reshape(-1, 4)
    weight = place[:, 0] + place[:, 3]
    summed = np.add.reduceat(
        np.column_stack([place, weight, weight * told.shared_part]), told.first, axis=0
    )
    part = (summed[:, 5] / summed[:, 4])[:, None, None]
    covariance = _inverse(summed[:, :4].reshape(-1, 2, 2))
    best = omega_of(
        independent[:, :2, :2], shared[:, :2, :2], (1.0 - part) * covariance, part * covariance
    )
    return np.where(part[:, 0, 0] > 0.0, best, OMEGA_GRID[-1])


def _inflated(shared: np.ndarray, omega: np.ndarray, told: Told) -> np.ndarray:
    """The shared part (K, 7, 7) divided by omega (K,), where the reports can have a share in it.

    A report of a place shares nothing with what is known of the heading; divided by omega ten times
    a second, the heading of a standing car would soon be forgotten for nothing.
    """
    scale = np.repeat(1.0 / np.sqrt(omega)[:, None], STATE_COUNT, axis=1)
    silent = np.add.reduceat(told.information[:, YAW, YAW], told.first) == 0.0
    scale[silent, YAW:] = 1.0
    inflated: np.ndarray = shared * scale[:, :, None] * scale[:, None, :]
    return inflated


def _evidence(omega: np.ndarray, told: Told) -> _Evidence:
    reports = lengths(told.first, len(told.innovation))
    repeated = told.shared_part / (1.0 - np.repeat(omega, reports))
    certainty = 1.0 / (1.0 - told.shared_part + repeated)
    information = told.information * certainty[:, None, None]
    direction = information @ told.innovation[:, :, None]
    transposed = told.jacobian.swapaxes(1, 2)
    present = (transposed @ information @ told.jacobian).reshape(-1, STATE_COUNT**2)

    def added(rows: np.ndarray) -> np.ndarray:
        return np.add.reduceat(rows, told.first, axis=0)

    share = certainty * repeated
    shape = (-1, STATE_COUNT, STATE_COUNT)
    shared = added(present * share[:, None]) if share.any() else np.zeros((len(omega), 49))
    return _Evidence(
        direction=added((transposed @ direction)[:, :, 0]) + told.known,
        information=added(present).reshape(shape) + told.known_information,
        shared=shared.reshape(shape),
        seen=added(direction[:, :4, 0]),
        seen_information=added(information[:, :4, :4].reshape(-1, 16)).reshape(-1, 4, 4),
    )


def _fused(
    mean: np.ndarray, independent: np.ndarray, shared: np.ndarray, evidence: _Evidence
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and covariance parts with the evidence; `shared` is inflated already.

    With T = (1 + P1 L)^-1 and the fused covariance G = T P1 both parts have the form
    T C T' + G N G', which is positive whatever the rounding: intersection divides by omega at every
    report and would blow a small negative remainder up. A positive one larger than any rounding is
    blown up alike and keeps the sum positive.
    """
    prior = independent + shared
    left = np.linalg.inv(np.eye(STATE_COUNT) + prior @ evidence.information)
    fused = left @ prior
    new_mean = mean + (fused @ evidence.direction[:, :, None])[:, :, 0]
    kept = left @ np.stack([independent, shared]) @ left.swapaxes(1, 2)
    told = np.stack([evidence.information - evidence.shared, evidence.shared])
    parts = kept + fused @ told @ fused.swapaxes(1, 2)
    parts = 0.5 * (parts + parts.swapaxes(2, 3)) + _ROUNDING
    return new_mean, parts[0], parts[1]


def _surprise(prior: np.ndarray, evidence: _Evidence) -> np.ndarray:
    """(K,) how surprising place and velocity are, above 1: too much."""
    squared = np.zeros(len(prior))
    for at in (slice(0, 2), slice(2, 4)):
        information = evidence.seen_information[:, at, at]
        told = np.flatnonzero(information[:, 0, 0] > 0.0)
        noise = _inverse(information[told])
        offset = noise @ evidence.seen[told, at, None]
        weighed = _inverse(prior[told, at, at] + noise) @ offset
        squared[told] = np.maximum(squared[told], (offset * weighed).sum(axis=(1, 2)))
    surprise: np.ndarray = squared / chdtri(2, SURPRISING)
    return surprise


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverses of positive (K, 2, 2)."""
    out = np.empty_like(matrix)
    determinant = matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0]
    out[:, 0, 0], out[:, 1, 1] = matrix[:, 1, 1], matrix[:, 0, 0]
    out[:, 0, 1], out[:, 1, 0] = -matrix[:, 0, 1], -matrix[:, 1, 0]
    out /= determinant[:, None, None]
    return out


def _opening(surprise: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(K, 7, 7) factors for covariances (K, 7, 7) that open place and velocity, in bounds.

    Only what jumped is opened. Acceleration and turning are seen too little to close again before
    the next surprise, and without a bound a series of surprises would make everything possible.
    """
    scale = np.ones((len(surprise), STATE_COUNT))
    for state, bound in ((X, WIDEST_M), (Y, WIDEST_M), (VX, WIDEST_MPS), (VY, WIDEST_MPS)):
        room = bound**2 / np.maximum(covariance[:, state, state], 1e-12)
        scale[:, state] = np.sqrt(np.clip(np.minimum(surprise, room), 1.0, MAX_OPENING))
    factors: np.ndarray = scale[:, :, None] * scale[:, None, :]
    return factors
