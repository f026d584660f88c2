"""The figures of a validation are those of `evaluate`."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

from prediction_node.domain.kinds import ObjectClass  # noqa: E402
from prediction_node.learning.tally import Tally  # noqa: E402
from prediction_node.metrics import Calibration, score  # noqa: E402

N, M, T = 40, 6, 80


def made() -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    ends = torch.randint(5, T + 40, (1, N), generator=g)
    mean = torch.cumsum(torch.randn((1, N, M, T, 2), generator=g), 3) * 0.2
    spread = torch.rand((1, N, M, T, 3), generator=g) * 0.8 + 0.1
    return {
        'mean': mean,
        'spread': spread,
        'log_weight': torch.randn((1, N, M, 1), generator=g).expand(-1, -1, -1, 8).log_softmax(2),
        'future': torch.cumsum(torch.randn((1, N, T, 2), generator=g), 2) * 0.2,
        'future_valid': (torch.arange(T) < ends[..., None]).float(),
        'weight': (torch.rand((1, N), generator=g) > 0.2).float(),
        'label': torch.randint(1, 8, (1, N), generator=g),
    }


def test_figures_agree_with_those_of_evaluation() -> None:
    one = made()
    tally = Tally(8)
    tally.add(one['mean'], one['log_weight'], one, one['spread'])
    figures = tally.figures(0.1, T)

    kept = one['weight'][0].numpy() > 0
    probability = one['log_weight'][0, kept, :, -1].exp().numpy().astype(float)
    expected = score(
        one['mean'][0, kept].numpy().astype(float),
        probability,
        one['future'][0, kept].numpy().astype(float),
        one['future_valid'][0, kept].numpy() > 0,
        sigma=one['spread'][0, kept].numpy().astype(float),
    )
    label = one['label'][0, kept].numpy()
    names = {'fde': 'likely_fde', 'min_fde': 'min_fde', 'brier_min_fde': 'brier_min_fde'}
    names |= {'miss_rate': 'miss_rate', 'nll': 'nll'}
    for kind, rows in (('all', label >= 0), ('pedestrian', label == ObjectClass.PEDESTRIAN)):
        for theirs, ours in names.items():
            for column, horizon in enumerate(('1s', '3s', '5s', '8s')):
                value = np.nanmean(expected[theirs][rows, column])
                assert figures[f'{kind}/{ours}_{horizon}'] == pytest.approx(value, rel=1e-4)
    whole = Calibration()
    at_the_end = expected['counts'][:, -1]
    whole.add(probability[at_the_end], {k: v[at_the_end] for k, v in expected.items()})
    assert figures['all/ece'] == pytest.approx(whole.error, rel=1e-4)


def test_tallies_of_parts_add_up() -> None:
    one = made()
    whole = Tally(8)
    whole.add(one['mean'], one['log_weight'], one, one['spread'])
    sums = [torch.zeros_like(t) for t in whole.tensors()]
    for part in (slice(0, 13), slice(13, N)):
        cut = {name: value[:, part] for name, value in one.items()}
        tally = Tally(8)
        tally.add(cut['mean'], cut['log_weight'], cut, cut['spread'])
        for total, each in zip(sums, tally.tensors(), strict=True):
            total += each
    for total, each in zip(sums, whole.tensors(), strict=True):
        torch.testing.assert_close(total, each)


def test_nobody_judged_no_figures() -> None:
    one = made()
    one['weight'][:] = 0.0
    tally = Tally(8)
    tally.add(one['mean'], one['log_weight'], one, one['spread'])
    assert tally.figures(0.1, T) == {}
