"""The ETH/UCY protocol: pedestrians of five scenes, each predicted by a network that never saw it.

One forward pass gives twenty weighted trajectories per pedestrian. `most_likely` is the error of
the one with the greatest weight, `best_of_20` of the one that comes closest, both from that pass.
docs/evaluation_eth_ucy.md describes the protocol and the JSON file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from prediction_node.crowds.arrays import Arrays, encode_crowd, from_own, own_poses, to_own
from prediction_node.crowds.files import SCENES, STEP_S, Crowd, read_crowd, split_files
from prediction_node.crowds.windows import (
    OBSERVED,
    PEOPLE,
    PREDICTED,
    CrowdWindow,
    nearest,
    windows,
)
from prediction_node.domain.errors import DataError
from prediction_node.domain.tensors import Sizes
from prediction_node.metrics import Calibration, negative_log_likelihood

# Pedestrians of the test windows: what makes figures comparable.
EXPECTED: Mapping[str, int] = {
    'eth': 181,
    'hotel': 1053,
    'univ': 24334,
    'zara1': 2253,
    'zara2': 5833,
}
WORST = 6
Progress = Callable[[str, int, int], None]


class Model(Protocol):
    """A network of one fold."""

    @property
    def sizes(self) -> Sizes: ...

    def __call__(self, arrays: Arrays) -> Mapping[str, np.ndarray]:
        """OUTPUTS for one candidate, of ENCODER_INPUTS."""


@dataclass(frozen=True, slots=True, eq=False)
class Bad:
    """A window with the pedestrian whose most likely trajectory ended farthest off."""

    scene: str
    window: CrowdWindow
    row: int
    path_m: np.ndarray  # (M, 12, 2) in the recording's frame
    probability: np.ndarray  # (M,)
    fde_m: float


@dataclass(frozen=True, slots=True, eq=False)
class SceneScores:
    """The judged pedestrians of a scene, J in all."""

    scene: str
    distance_m: np.ndarray  # (J, M, 12) of every mode from what happened
    probability: np.ndarray  # (J, M)
    nll: np.ndarray  # (J, 12) of the mixture, nats
    straight_m: np.ndarray  # (J, 12) of constant velocity
    worst: tuple[Bad, ...]

    @property
    def likeliest_m(self) -> np.ndarray:
        """(J, 12) error of the trajectory with the greatest weight."""
        rows = np.arange(len(self.probability))
        return np.asarray(self.distance_m[rows, self.probability.argmax(axis=1)])

    def calibration(self) -> Calibration:
        """Of all modes; a mode is right if it ends closest."""
        calibration = Calibration()
        final = self.distance_m[..., -1]
        scores = {
            'counts': np.ones((len(final), 1), dtype=bool),
            'closest': final.argmin(axis=1)[:, None],
        }
        calibration.add(self.probability, scores)
        return calibration

    def confidence(self) -> Calibration:
        """Of the most likely mode alone. Twenty modes share one unit of probability, so that most
        claim next to nothing, and are right about that: this one does not hide behind them.
        """
        calibration = Calibration()
        top = self.probability.argmax(axis=1)
        right = self.distance_m[..., -1].argmin(axis=1) == top
        scores = {
            'counts': np.ones((len(top), 1), dtype=bool),
            'closest': np.where(right, 0, 1)[:, None],
        }
        calibration.add(self.probability.max(axis=1)[:, None], scores)
        return calibration

    def figures(self) -> dict[str, Any]:
        """What the JSON file says about the scene; errors in metres."""
        best = (self.distance_m.mean(axis=2).min(axis=1), self.distance_m[..., -1].min(axis=1))
        return {
            'most_likely': _ade_fde(self.likeliest_m),
            'best_of_20': [float(value.mean()) for value in best],
            'ece': self.calibration().error,
            'ece_most_likely': self.confidence().error,
            'nll': float(self.nll.mean()),
            'nll_final': float(self.nll[:, -1].mean()),
            'constant_velocity': _ade_fde(self.straight_m),
            'windows': len(self.probability),
        }


def _ade_fde(distance_m: np.ndarray) -> list[float]:
    return [float(distance_m.mean()), float(distance_m[:, -1].mean())]


def evaluate_eth_ucy(
    data: Path, model_of: Callable[[str], Model], progress: Progress
) -> dict[str, SceneScores]:
    """All five scenes of the folder `data`, each by `model_of(scene)`.

    Raises DataError if the test windows are not those of the protocol.
    """
    crowds = {
        scene: [read_crowd(path) for path in split_files(data, scene, 'test')] for scene in SCENES
    }
    for scene in SCENES:
        count = sum(window.judged for crowd in crowds[scene] for window in windows(crowd))
        if count != EXPECTED[scene]:
            raise DataError(
                f'{data / scene / "test"}: the windows must number {EXPECTED[scene]} pedestrians '
                f'to be compared with published figures, got {count}'
            )
    return {scene: score_scene(scene, crowds[scene], model_of(scene), progress) for scene in SCENES}


def score_scene(scene: str, crowds: list[Crowd], model: Model, progress: Progress) -> SceneScores:
    """Every window of the recordings of one scene."""
    everything = [window for crowd in crowds for window in windows(crowd)]
    parts: list[tuple[np.ndarray, ...]] = []
    worst: list[Bad] = []
    for done, window in enumerate(everything, 1):
        part, bad = _score(scene, window, model)
        parts.append(part)
        worst = _worst_of([*worst, bad])
        progress(scene, done, len(everything))
    distance, probability, nll, straight = (
        np.concatenate(each) for each in zip(*parts, strict=True)
    )
    return SceneScores(scene, distance, probability, nll, straight, tuple(worst))


def _score(scene: str, window: CrowdWindow, model: Model) -> tuple[tuple[np.ndarray, ...], Bad]:
    history, valid, judged = window.history_m, window.history_valid, window.judged
    mean, spread, logit = _answers(window, model)
    weight = np.exp(logit[..., -1] - logit[..., -1].max(axis=1, keepdims=True))
    probability = weight / weight.sum(axis=1, keepdims=True)
    pose = own_poses(history, valid)[:judged]
    path = from_own(pose, mean)
    distance = np.linalg.norm(path - window.future_m[:, None], axis=-1)
    # A density is what it is in any frame: the truth is brought into the own one.
    off = to_own(pose, window.future_m - pose[:, None, :2])
    nll = negative_log_likelihood(mean, spread, probability, off)
    ahead = np.arange(1, PREDICTED + 1)[:, None]
    last_step = history[:judged, OBSERVED - 1] - history[:judged, OBSERVED - 2]
    straight = history[:judged, -1:] + last_step[:, None] * ahead
    straight_off = np.linalg.norm(straight - window.future_m, axis=-1)
    final = distance[np.arange(judged), probability.argmax(axis=1), -1]
    row = int(final.argmax())
    bad = Bad(scene, window, row, path[row], probability[row], float(final[row]))
    return (distance, probability, nll, straight_off), bad


def _answers(window: CrowdWindow, model: Model) -> tuple[np.ndarray, ...]:
    """Mean, spread and logits (J, M, ...) of those who are judged, one pass for each of them at
    most: where more people are than were ever seen in training, each is asked amid the nearest.
    """
    history, valid, judged = window.history_m, window.history_valid, window.judged
    views = [(np.arange(len(history)), np.arange(judged))]
    if len(history) > PEOPLE:
        views = [(nearest(history, row), np.arange(1)) for row in range(judged)]
    parts = []
    for seen, asked in views:
        output = model(encode_crowd(history[seen], valid[seen], model.sizes))
        parts.append([output[name][0, asked] for name in ('mean', 'spread', 'weight_logit')])
    return tuple(np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True))


def _worst_of(cases: list[Bad]) -> list[Bad]:
    """The worst, each pedestrian once: the next window shows nearly the same."""
    kept: list[Bad] = []
    for case in sorted(cases, key=lambda each: -each.fde_m):
        who = (case.window.recording, int(case.window.person[case.row]))
        others = ((k.window.recording, int(k.window.person[k.row])) for k in kept)
        if len(kept) < WORST and who not in others:
            kept.append(case)
    return kept


def summary(scores: Mapping[str, SceneScores]) -> dict[str, Any]:
    """{'average': averages over the scenes, scene: figures}; the layout of the JSON file."""
    by_scene = {scene: scores[scene].figures() for scene in scores}
    average: dict[str, Any] = {}
    for name in next(iter(by_scene.values())):
        values = [figures[name] for figures in by_scene.values()]
        average[name] = values if name == 'windows' else np.mean(values, axis=0).tolist()
    return {'average': average, **by_scene, 'step_s': STEP_S, 'horizons': dict(_horizons(scores))}


def _horizons(scores: Mapping[str, SceneScores]) -> Iterator[tuple[str, list[float]]]:
    """Errors at each of the twelve steps, averaged over scenes."""
    each = list(scores.values())
    likeliest = [s.likeliest_m.mean(axis=0) for s in each]
    best = [s.distance_m.min(axis=1).mean(axis=0) for s in each]
    straight = [s.straight_m.mean(axis=0) for s in each]
    yield 'most_likely', np.mean(likeliest, axis=0).tolist()
    yield 'best_of_20', np.mean(best, axis=0).tolist()
    yield 'constant_velocity', np.mean(straight, axis=0).tolist()
