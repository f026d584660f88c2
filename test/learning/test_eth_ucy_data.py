"""Training data of pedestrian scenes: what is read, and how a window is varied."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from prediction_node.crowds.arrays import sizes
from prediction_node.crowds.windows import CrowdWindow
from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.tensors import Sizes
from prediction_node.learning.eth_ucy import CrowdExamples, CrowdOptions, open_data, vary

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

STILL = CrowdOptions(noise_m=0.0, scale=0.0, alone=0.0)
SMALL = sizes(agents=8)


def make_window(people: int = 6, judged: int = 4, seed: int = 0) -> CrowdWindow:
    rng = np.random.default_rng(seed)
    speed = rng.uniform(-1.5, 1.5, (people, 1, 2))
    path = rng.uniform(-5, 5, (people, 1, 2)) + 0.4 * speed * np.arange(-7, 13)[:, None]
    return CrowdWindow(
        recording='made',
        frame=70,
        person=np.arange(people),
        history_m=path[:, :8],
        history_valid=np.ones((people, 8), dtype=bool),
        future_m=path[:judged, 8:],
    )


def write_fold(folder: Path) -> Path:
    """Two people who walk for 24 frames, in all three splits."""
    for split in ('train', 'val', 'test'):
        place = folder / 'eth' / split
        place.mkdir(parents=True)
        lines = [f'{10 * f} {p} {0.5 * f} {2.0 * p}' for f in range(24) for p in range(2)]
        (place / f'walk_{split}.txt').write_text('\n'.join(lines), encoding='utf-8')
    return folder


def test_a_fold_is_opened_without_a_look_at_its_test(tmp_path: Path) -> None:
    folder = write_fold(tmp_path)
    options = {'folder': str(folder), 'scene': 'eth'}
    before = open_data(options, SMALL)
    assert len(before.train) == len(before.validation) == 5
    (folder / 'eth' / 'test' / 'walk_test.txt').write_text('not a recording', encoding='utf-8')
    assert open_data(options, SMALL).digest == before.digest
    more = folder / 'eth' / 'val' / 'walk_val.txt'
    more.write_text(more.read_text(encoding='utf-8') + '\n500 7 1.0 1.0', encoding='utf-8')
    assert open_data(options, SMALL).digest != before.digest


def test_a_draw_seeds_all_that_is_random() -> None:
    examples = CrowdExamples([make_window()], SMALL, CrowdOptions())
    plain, again = examples.example(0, None), examples.example(0, None)
    one, same, other = examples.example(0, 3), examples.example(0, 3), examples.example(0, 4)
    for name in plain:
        np.testing.assert_array_equal(plain[name], again[name])
        np.testing.assert_array_equal(one[name], same[name])
    assert not np.array_equal(one['actor_history'], other['actor_history'])


def test_without_noise_the_world_is_mirrored_and_scaled_as_a_whole() -> None:
    window = make_window()
    options = dataclasses.replace(STILL, scale=0.5)
    factors, handed = set(), set()
    for seed in range(12):
        varied = vary(window, options, np.random.default_rng(seed))
        factor = varied.history_m[..., 0] / window.history_m[..., 0]
        mirror = varied.history_m[..., 1] / window.history_m[..., 1]
        np.testing.assert_allclose(factor, factor[0, 0])
        np.testing.assert_allclose(np.abs(mirror), factor)
        np.testing.assert_allclose(varied.future_m[..., 0] / window.future_m[..., 0], factor[0, 0])
        assert np.exp(-0.5) <= factor[0, 0] <= np.exp(0.5)
        factors.add(round(float(factor[0, 0]), 9))
        handed.add(bool(mirror[0, 0] > 0))
    assert len(factors) == 12
    assert handed == {True, False}


def test_errors_of_observation_leave_what_happened_alone() -> None:
    window = make_window()
    options = dataclasses.replace(STILL, noise_m=0.06, clean=0.0)
    varied = vary(window, options, np.random.default_rng(1))
    np.testing.assert_allclose(np.abs(varied.future_m), np.abs(window.future_m))
    error = np.abs(np.abs(varied.history_m) - np.abs(window.history_m))
    assert 0.0 < error.mean() < 0.1


def test_those_who_stay_are_the_nearest_to_one_who_is_judged() -> None:
    window = make_window(people=6, judged=2)
    options = dataclasses.replace(STILL, people=3)
    for seed in range(10):
        varied = vary(window, options, np.random.default_rng(seed))
        assert len(varied.person) == 3
        judged = varied.person[: varied.judged]
        assert len(judged) >= 1
        assert set(judged) <= {0, 1}
        assert not set(varied.person[varied.judged :]) & {0, 1}


def test_a_network_learns_from_the_examples() -> None:
    from prediction_node.learning.data import collate
    from prediction_node.learning.losses import losses
    from prediction_node.learning.parameters import LossParameters
    from prediction_node.network import Network, NetworkConfig

    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = NetworkConfig(
        sizes=SMALL, use_proposals=False, use_plan=False, width=16, heads=2, layers=1
    )
    network = Network(config)
    examples = CrowdExamples([make_window(seed=k) for k in range(8)], SMALL, STILL)
    batch = collate([examples.example(k, None) for k in range(8)])
    parameters = LossParameters(first=1.0, likelihood=0.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    seen = []
    for step in range(30):
        loss = losses(network(batch), batch, parameters, step)['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.8 * seen[0]


@pytest.mark.parametrize(
    ('options', 'says'),
    [
        ({'scene': 'zurich'}, 'scene'),
        ({'colour': 1}, r"data\.options are .*got \['colour'\]"),
        ({'noise_m': -1.0}, 'noise_m'),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        open_data(options, SMALL)


def test_axes_of_another_problem_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r'sizes\.map_nodes must be 0'):
        open_data({'folder': str(tmp_path)}, dataclasses.replace(SMALL, map_nodes=4))
    with pytest.raises(ParameterError, match=r'sizes\.history must be 8'):
        open_data({'folder': str(tmp_path)}, Sizes())
    with pytest.raises(DataError, match='eth/train: no recordings'):
        open_data({'folder': str(tmp_path)}, SMALL)
