"""What reports say of tracks besides their motion; see classes, attributes, size and describe.

Everywhere the tracks in the rows `at` (K,) int64 get the reports in the rows
report[start[k]:start[k + 1]] (report (T,), start (K + 1,), int64), and arrays of tracks change in
place. `modality` (R,) int64 are the modalities of the reports, by which `trust` (M,) is looked up.
"""

from __future__ import annotations

import math

import numpy as np

from prediction_node.compiled import compiled

UNKNOWN = 0  # kinds.ObjectClass
_LEAST_LIKELIHOOD = 1e-12
_LEAST_WEIGHT = 1e-12


@compiled
def fuse_classes(
    evidence: np.ndarray,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    modality: np.ndarray,
    has_class: np.ndarray,
    probabilities: np.ndarray,
    trust: np.ndarray,
    correlation: float,
    bound: float,
) -> None:
    """Add the log-likelihoods of the reported classes (R, C) to the evidence (N, C).

    A source names the true class with the probability `trust`, and any other equally often. Naming
    "unknown" says nothing; an object which truly is of an unknown kind is named anything. A report
    counts for the part `correlation` of its likelihood, and nothing falls below -bound.
    """
    classes = evidence.shape[1]
    for k in range(len(at)):
        told = False
        n = at[k]
        for p in range(start[k], start[k + 1]):
            r = report[p]
            if not has_class[r]:
                continue
            told = True
            right = trust[modality[r]]
            wrong = (1.0 - right) / (classes - 2)
            nothing = 1.0 / (classes - 1)
            total = 0.0
            for c in range(classes):
                total += probabilities[r, c]
            unknown = probabilities[r, UNKNOWN]
            for c in range(classes):
                likelihood = nothing * total
                if c != UNKNOWN:
                    likelihood = (
                        wrong * (total - unknown)
                        + (right - wrong) * probabilities[r, c]
                        + nothing * unknown
                    )
                evidence[n, c] += correlation * math.log(max(likelihood, _LEAST_LIKELIHOOD))
        if told:
            largest = evidence[n, 0]
            for c in range(1, classes):
                largest = max(largest, evidence[n, c])
            for c in range(classes):
                evidence[n, c] = max(evidence[n, c] - largest, -bound)


@compiled
def fuse_attributes(
    belief: np.ndarray,
    weight: np.ndarray,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    modality: np.ndarray,
    has_attribute: np.ndarray,
    attributes: np.ndarray,
    trust: np.ndarray,
    angle: int,
    largest_log_odds: float,
    largest_weight: float,
) -> None:
    """Average the reported attributes (R, A), masked, with the beliefs (N, A) by weights (N, A).

    Probabilities are averaged as log-odds, the one in the column `angle` as it is.
    """
    floor = 1.0 / (1.0 + math.exp(largest_log_odds))
    for k in range(len(at)):
        n = at[k]
        for a in range(belief.shape[1]):
            added, said = 0.0, 0.0
            for p in range(start[k], start[k + 1]):
                r = report[p]
                if not has_attribute[r, a]:
                    continue
                value = attributes[r, a]
                if a != angle:
                    value = min(max(value, floor), 1.0 - floor)
                    value = math.log(value / (1.0 - value))
                added += trust[modality[r]]
                said += trust[modality[r]] * value
            if added > 0.0:
                total = weight[n, a] + added
                belief[n, a] = (weight[n, a] * belief[n, a] + said) / max(total, _LEAST_WEIGHT)
                weight[n, a] = min(total, largest_weight)


@compiled
def fuse_sizes(
    size_m: np.ndarray,
    weight: np.ndarray,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    modality: np.ndarray,
    has_size: np.ndarray,
    reported_m: np.ndarray,
    trust: np.ndarray,
    known_weight: float,
    outlier_ratio: float,
    largest_weight: float,
) -> None:
    """Average reported sizes (R, 3) with sizes (N, 3) by weights (N, 3).

    Once a size has a weight above `known_weight`, a report that is off by more than the outlier
    ratio is pulled in to it.
    """
    for k in range(len(at)):
        n = at[k]
        for i in range(3):
            known = weight[n, i] > known_weight
            added, said = 0.0, 0.0
            for p in range(start[k], start[k + 1]):
                r = report[p]
                if not has_size[r]:
                    continue
                value = reported_m[r, i]
                if known:
                    value = max(value, size_m[n, i] / outlier_ratio)
                    value = min(value, size_m[n, i] * outlier_ratio)
                added += trust[modality[r]]
                said += trust[modality[r]] * value
            if added > 0.0:
                total = weight[n, i] + added
                size_m[n, i] = (weight[n, i] * size_m[n, i] + said) / max(total, _LEAST_WEIGHT)
                weight[n, i] = min(total, largest_weight)


@compiled
def fuse_heights(
    height_m: np.ndarray,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    modality: np.ndarray,
    position_m: np.ndarray,
    variance_m2: np.ndarray,
) -> None:
    """A Kalman filter of the height and its variance (N, 2), in information form, by the heights
    in positions (R, 3) and their variances by modality.
    """
    for k in range(len(at)):
        n = at[k]
        total, said = 1.0 / height_m[n, 1], 0.0
        for p in range(start[k], start[k + 1]):
            r = report[p]
            information = 1.0 / variance_m2[modality[r]]
            total += information
            said += information * (position_m[r, 2] - height_m[n, 0])
        height_m[n, 0] += said / total
        height_m[n, 1] = 1.0 / total


@compiled
def count_hits(
    log_odds: np.ndarray,
    hits: np.ndarray,
    confirmed: np.ndarray,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    modality: np.ndarray,
    existence: np.ndarray,
    gain: np.ndarray,
    largest: float,
    confirm_log_odds: float,
    confirm_hits: int,
) -> None:
    """Raise log-odds (N,) by a gain by modality for each report, as far as it believes itself
    (R,), and confirm what exists after enough reports.
    """
    for k in range(len(at)):
        n = at[k]
        for p in range(start[k], start[k + 1]):
            log_odds[n] += gain[modality[report[p]]] * existence[report[p]]
        log_odds[n] = min(log_odds[n], largest)
        hits[n] += start[k + 1] - start[k]
        if log_odds[n] >= confirm_log_odds and hits[n] >= confirm_hits:
            confirmed[n] = True


@compiled
def note_sources(
    seen_ns: np.ndarray,
    source_seen_ns: np.ndarray,
    source_id: np.ndarray,
    source_has_id: np.ndarray,
    at: np.ndarray,
    start: np.ndarray,
    report: np.ndarray,
    message: np.ndarray,
    stamp_ns: np.ndarray,
    column: np.ndarray,
    has_id: np.ndarray,
    id_hash: np.ndarray,
) -> None:
    """Who saw the tracks when (N, S), and under which name; message (R,) of each report, stamp and
    column (M,) of each message.

    Of two reports of one source the newer is noted: it comes later.
    """
    for k in range(len(at)):
        n = at[k]
        for p in range(start[k], start[k + 1]):
            r = report[p]
            stamp, s = stamp_ns[message[r]], column[message[r]]
            seen_ns[n] = max(seen_ns[n], stamp)
            source_seen_ns[n, s] = max(source_seen_ns[n, s], stamp)
            source_id[n, s] = id_hash[r]
            source_has_id[n, s] = has_id[r]
