"""Calibration finds what made the answers dishonest."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

from prediction_node.domain.kinds import ObjectClass  # noqa: E402
from prediction_node.learning.calibration import (  # noqa: E402
    FEWEST,
    HIGH,
    LOW,
    Answers,
    best_temperature,
    calibrate,
    gather,
    spread_scale,
    told,
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
        [np.ones(8000, bool)],
    )
    found = calibrate(answers).temperature
    assert found[ObjectClass.CAR] == pytest.approx(2.0, rel=0.1)
    assert found[ObjectClass.PEDESTRIAN] == pytest.approx(0.5, rel=0.1)
    assert found[ObjectClass.CAR] > found[ObjectClass.ANIMAL] > found[ObjectClass.PEDESTRIAN]
    assert found[ObjectClass.ANIMAL] == found[ObjectClass.BUS]


def test_without_answers_nothing_changes() -> None:
    none = [[each] for each in (np.zeros((0, 6)), *np.zeros((3, 0), int), np.zeros(0, bool))]
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
    answers = gather([(output, batch)], step_s=1.0)
    assert np.concatenate(answers.label).tolist() == [1, 7]
    expected = output['mean'][0, [0, 2], :, -1].norm(dim=-1).argmin(-1)
    assert np.concatenate(answers.closest).tolist() == expected.tolist()


def test_people_decide_where_there_are_enough_of_them() -> None:
    """Recorded cars come as often as said, simulated ones are told too boldly; of walkers there are
    but simulated ones.
    """
    (bold, right), (honest, true) = drawn(2.0, 4000), drawn(1.0, 4000)
    label = np.repeat(
        [ObjectClass.CAR, ObjectClass.CAR, ObjectClass.PEDESTRIAN], [4000, 2000, 2000]
    )
    surprise = np.where(np.arange(8000) < 4000, 4.0, 1.0)
    recorded = np.arange(8000) >= 4000
    recorded[6000:] = False
    answers = Answers(
        [np.concatenate([bold, honest])], [np.concatenate([right, true])], [surprise], [label],
        [recorded],
    )  # fmt: skip
    found = calibrate(answers)
    assert found.temperature[ObjectClass.CAR] == pytest.approx(1.0, rel=0.1)
    assert found.sigma_scale[ObjectClass.CAR] == pytest.approx(1.0)
    assert found.temperature[ObjectClass.PEDESTRIAN] == pytest.approx(1.0, rel=0.1)
    few = recorded & (np.arange(8000) < 4000 + FEWEST - 1)
    answers.recorded = [few]
    assert calibrate(answers).temperature[ObjectClass.CAR] > 1.3


def planner_output(ends_m: list[float]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """One agent, modes that end so far ahead; who goes 30 m, beside them all by as much as told."""
    share = torch.linspace(1.0 / 80.0, 1.0, 80)
    mean = torch.zeros(1, 1, 6, 80, 2)
    mean[..., 0] = torch.tensor(ends_m)[:, None] * share
    future = torch.zeros(1, 1, 80, 2)
    future[..., 0], future[..., 1] = 30.0 * share, 2.0**0.5
    spread = torch.ones(1, 1, 6, 80, 3)
    spread[..., 2] = 0.0
    logit = torch.zeros(1, 1, 6, 8)
    logit[:, :, 1] = 0.5
    output = {'mean': mean, 'spread': spread, 'weight_logit': logit}
    batch = {
        'future': future,
        'future_valid': torch.ones(1, 1, 80),
        'weight': torch.ones(1, 1),
        'label': torch.ones(1, 1, dtype=torch.int64),
    }
    return output, batch


def test_calibration_looks_at_what_planners_are_told() -> None:
    """Modes 0 and 2 go where the likelier mode 1 goes; mode 2, which ends closest, is not told."""
    output, batch = planner_output([29.0, 29.5, 30.0, 60.0, 80.0, 100.0])
    scale = torch.ones(1, 1)
    weight = told(output, scale, 0.1)[0, 0].exp()
    assert torch.all(weight[[0, 2]] == 0.0)
    shares = torch.softmax(output['weight_logit'][0, 0, :, -1], 0)
    torch.testing.assert_close(weight[1, -1], shares[:3].sum())
    torch.testing.assert_close(weight.sum(0), torch.ones(8))
    answers = gather([(output, batch)], step_s=0.1)
    assert answers.closest[0].tolist() == [1]
    flat = told(output, scale, 0.1, 1e6 * torch.ones(1, 1))[0, 0].exp()
    torch.testing.assert_close(flat[[1, 3, 4, 5]], torch.full((4, 8), 0.25), atol=1e-4, rtol=0.0)
    # Nobody decodes answers of other steps for planners.
    assert torch.all(told(output, scale, 0.4) > -10.0)
