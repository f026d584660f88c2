"""Semantic attributes: log-opinion pool over sources and time, with masks.

Log-odds of different reports are averaged, not summed: averaging is what covariance intersection is
for probabilities (Chernoff fusion), right whatever the reports share. The front wheel angle is an
angle in radians and averaged as such. Memory fades: with the weight gone, the attribute is unknown.
"""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import FRONT_WHEEL_ANGLE
from prediction_node.fusion.parameters import FusionParameters

MIN_WEIGHT = 0.05  # below, the last report is three memories old: not known any more
MAX_WEIGHT = 2.0  # old agreement does not outvote a change for longer than its memory
_MAX_LOG_ODDS = 7.0


def to_evidence(attributes: np.ndarray) -> np.ndarray:
    """(..., ATTRIBUTE_COUNT) probabilities to log-odds; the angle stays."""
    floor = 1.0 / (1.0 + np.exp(_MAX_LOG_ODDS))
    probability = np.clip(attributes, floor, 1.0 - floor)
    evidence: np.ndarray = np.log(probability / (1.0 - probability))
    evidence[..., FRONT_WHEEL_ANGLE] = attributes[..., FRONT_WHEEL_ANGLE]
    return evidence


def from_evidence(evidence: np.ndarray) -> np.ndarray:
    """(..., ATTRIBUTE_COUNT) log-odds to probabilities; the angle stays."""
    attributes: np.ndarray = 1.0 / (1.0 + np.exp(-evidence))
    attributes[..., FRONT_WHEEL_ANGLE] = evidence[..., FRONT_WHEEL_ANGLE]
    return attributes


def fuse_attributes(
    evidence: np.ndarray,
    weight: np.ndarray,
    reported: np.ndarray,
    has_attribute: np.ndarray,
    trust: np.ndarray | float,
    first: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Evidence and weight (K, ATTRIBUTE_COUNT) after the reports (R, ATTRIBUTE_COUNT).

    `trust` is one number or (R,), `first` (K,) are the first reports of each track, by default
    there is one for each.
    """
    added = np.where(has_attribute, np.asarray(trust)[..., None], 0.0)
    said = added * to_evidence(np.where(has_attribute, reported, 0.5))
    if first is not None:
        added, said = (np.add.reduceat(rows, first, axis=0) for rows in (added, said))
    total = weight + added
    mean = (weight * evidence + said) / np.maximum(total, 1e-12)
    return np.where(added > 0.0, mean, evidence), np.minimum(total, MAX_WEIGHT)


def forget_attributes(weight: np.ndarray, dt_s: float, parameters: FusionParameters) -> np.ndarray:
    """Weights (N, ATTRIBUTE_COUNT) after dt_s without a report."""
    faded: np.ndarray = weight * np.exp(-dt_s / np.asarray(parameters.attribute_memory_s))
    return faded


def published_attributes(evidence: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attributes (N, ATTRIBUTE_COUNT), zero where masked out, and their mask.

    A belief leans back to "even" as its weight fades, so that it does not stay sharp to the end.
    """
    known = weight > MIN_WEIGHT
    certainty = np.minimum(weight / 0.5, 1.0)
    leaning = evidence * certainty
    leaning[:, FRONT_WHEEL_ANGLE] = evidence[:, FRONT_WHEEL_ANGLE]
    return np.where(known, from_evidence(leaning), 0.0), known
