"""Semantic attributes: log-opinion pool over sources and time, with masks.

Log-odds of different reports are averaged, not summed: averaging is what covariance intersection is
for probabilities (Chernoff fusion), right whatever the reports share. The front wheel angle is an
angle in radians and averaged as such. Memory fades: with the weight gone, the attribute is unknown.
"""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import FRONT_WHEEL_ANGLE
from prediction_node.fusion.kernels import describe, publish
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.parameters import FusionParameters

MIN_WEIGHT = 0.05  # below, the last report is three memories old: not known any more
MAX_WEIGHT = 2.0  # old agreement does not outvote a change for longer than its memory
CERTAIN_WEIGHT = 0.5  # below, a belief leans back to "even"
_MAX_LOG_ODDS = 7.0


def fuse_attributes(
    evidence: np.ndarray,
    weight: np.ndarray,
    matches: Matches,
    modality: np.ndarray,
    has_attribute: np.ndarray,
    reported: np.ndarray,
    trust: np.ndarray,
) -> None:
    """Fuse reports (R, ATTRIBUTE_COUNT) into evidence and weight (N, ATTRIBUTE_COUNT), in place.

    `trust` is by modality (R,); has_attribute is the mask of the reports.
    """
    describe.fuse_attributes(
        evidence,
        weight,
        *matches,
        modality,
        has_attribute,
        reported,
        trust,
        FRONT_WHEEL_ANGLE,
        _MAX_LOG_ODDS,
        MAX_WEIGHT,
    )


def forget_attributes(weight: np.ndarray, dt_s: float, parameters: FusionParameters) -> None:
    """Weights (N, ATTRIBUTE_COUNT) fade in dt_s without a report, in place."""
    weight *= np.exp(-dt_s / np.asarray(parameters.attribute_memory_s))


def published_attributes(evidence: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attributes (N, ATTRIBUTE_COUNT), zero where masked out, and their mask.

    A belief leans back to "even" as its weight fades, so that it does not stay sharp to the end.
    """
    attributes, known = publish.known_attributes(
        evidence, weight, FRONT_WHEEL_ANGLE, MIN_WEIGHT, CERTAIN_WEIGHT
    )
    return attributes, known
