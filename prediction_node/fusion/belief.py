"""What is believed of tracks because of their classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prediction_node.fusion.classes import class_probabilities
from prediction_node.fusion.predict import motion_noise
from prediction_node.fusion.size import published_size
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What follows from the class evidence of N tracks."""

    class_probabilities: np.ndarray  # (N, CLASS_COUNT)
    noise: np.ndarray  # (N, 6), see predict.motion_noise
    length_m: np.ndarray  # (N,)

    def with_more(self, more: Belief) -> Belief:
        """Of these tracks and then of more."""
        return Belief(
            np.concatenate([self.class_probabilities, more.class_probabilities]),
            np.concatenate([self.noise, more.noise]),
            np.concatenate([self.length_m, more.length_m]),
        )


def believed(tracks: TrackTable, tables: Tables) -> Belief:
    probabilities = class_probabilities(tracks.class_evidence)
    size_m = published_size(tracks.size_m, tracks.size_weight, probabilities)
    return Belief(
        probabilities,
        motion_noise(tables.motion, probabilities, tracks.has_heading),
        size_m[:, 0].copy(),
    )
