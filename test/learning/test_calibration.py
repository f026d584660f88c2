"""Calibration finds what made the answers dishonest."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

from prediction_node.domain.kinds import ObjectClass  # noqa: E402
from prediction_node.learning.calibration import (  # noqa: E402
    HIGH,
    LOW,
    Answers,
    best_temperature,
    calibrate,
    gather,
    spread_scale,
)


def drawn(temperature: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too bold, and what came true."""
    rng = np.random.default_rng(0)
    honest = rng.normal(0.0, 1.5, (count, 6))
    p = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    closest = (p.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return temperature * honest, closest


@pytest.mark.parametrize('temperature', [0.5, 1.0, 2.5])
def test_the_temperature_is_found(temperature: float) -> None:
    assert best_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.05)


def test_temperatures_keep_to_their_bounds() -> None:
    logit, _ = drawn(1.0, 500)
    assert best_temperature(logit, logit.argmax(axis=1)) == pytest.approx(LOW, rel=0.01)
    assert best_temperature(logit, logit.argmin(axis=1)) == pytest.approx(HIGH, rel=0.01)


def test_spreads_that_are_half_of_the_errors_are_doubled() -> None:
    rng = np.random.default_rng(0)
    surprise = 0.5 * np.square(2.0 * rng.normal(size=(5000, 2))).sum(axis=1)
    # The worst hundredth is left out: a little below two.
    assert 1.8 < spread_scale(surprise) < 2.0


def test_classes_are_calibrated_apart_and_rare_ones_together() -> None:
    (bold, right), (shy, true) = drawn(2.0, 4000), drawn(0.5, 4000)
    label = np.repeat([ObjectClass.CAR, ObjectClass.PEDESTRIAN], 4000)
    label[:3] = ObjectClass.ANIMAL
    answers = Answers(
        [np.concatenate([bold, shy])],
        [np.concatenate([right, true])],
        [np.ones(8000)],
        [label],
    )
    found = calibrate(answers).temperature
    assert found[ObjectClass.CAR] == pytest.approx(2.0, rel=0.1)
    assert found[ObjectClass.PEDESTRIAN] == pytest.approx(0.5, rel=0.1)
    assert found[ObjectClass.CAR] > found[ObjectClass.ANIMAL] > found[ObjectClass.PEDESTRIAN]
    assert found[ObjectClass.ANIMAL] == found[ObjectClass.BUS]


def test_without_answers_nothing_changes() -> None:
    none = [np.zeros((0, 6))], [np.zeros(0, int)], [np.zeros(0)], [np.zeros(0, int)]
    assert np.all(calibrate(Answers(*none)).temperature == 1.0)


def test_only_whole_futures_of_judged_agents_count() -> None:
    """Two of four agents: one is not judged, the future of another one breaks off."""
    g = torch.Generator().manual_seed(0)
    output = {
        'mean': torch.randn((1, 4, 6, 8, 2), generator=g),
        'spread': torch.full((1, 4, 6, 8, 3), 0.5),
        'weight_logit': torch.randn((1, 4, 6, 2), generator=g),
    }
    batch = {
        'future': torch.zeros(1, 4, 8, 2),
        'future_valid': torch.ones(1, 4, 8),
        'weight': torch.tensor([[1.0, 0.0, 1.0, 1.0]]),
        'label': torch.tensor([[1, 1, 7, 7]]),
    }
    batch['future_valid'][0, 3, 5:] = 0.0
    answers = gather([(output, batch)])
    assert np.concatenate(answers.label).tolist() == [1, 7]
    expected = output['mean'][0, [0, 2], :, -1].norm(dim=-1).argmin(-1)
    assert np.concatenate(answers.closest).tolist() == expected.tolist()
