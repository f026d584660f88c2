"""The pedestrian benchmark: protocol, figures, pictures, shipped networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from prediction_node.crowds.arrays import MODES, Arrays, sizes
from prediction_node.crowds.files import SCENES, Crowd, read_crowd, split_files
from prediction_node.domain.errors import DataError
from prediction_node.domain.frames import rotation_2d
from prediction_node.domain.tensors import STATE_NAMES, Sizes
from prediction_node.evaluation.eth_ucy import SceneScores, evaluate_eth_ucy, score_scene, summary

SPEED = STATE_NAMES.index('speed_mps')


class Fan:
    """Everybody keeps the velocity; mode m turns by m x `angle` rad, and weighs exp(-m)."""

    def __init__(self, angle: float = 0.05) -> None:
        self.sizes: Sizes = sizes(agents=64)
        self._angle = angle * np.arange(MODES)

    def __call__(self, arrays: Arrays) -> Mapping[str, np.ndarray]:
        agents = self.sizes.agents
        velocity = arrays['actor_state'][1:, SPEED : SPEED + 2].astype(float)
        time_s = 0.4 * np.arange(1, 13)
        rays = np.stack([rotation_2d(a) @ velocity.T for a in self._angle])  # (M, 2, A)
        mean = rays.transpose(2, 0, 1)[:, :, None] * time_s[:, None]
        spread = np.tile([0.2, 0.1, 0.3], (agents, MODES, 12, 1))
        logit = np.tile(-np.arange(MODES, dtype=float)[:, None], (agents, 1, 1))
        return {'mean': mean[None], 'spread': spread[None], 'weight_logit': logit[None]}


def no_bar(what: str, done: int, total: int) -> None:
    assert 0 < done <= total


def straight_crowd(turn: float = 0.0, bend: float = 0.0) -> Crowd:
    time = 0.4 * np.arange(26)
    start = np.array([[0.0, 0.0], [3.0, 1.0], [-2.0, 4.0]])
    speed = np.array([[1.2, 0.1], [-0.8, 0.3], [0.5, 0.9]])
    path = start[:, None] + speed[:, None] * time[:, None]
    path[..., 1] += bend * time**2
    path = path @ rotation_2d(turn).T
    return Crowd('straight', 10 * np.arange(26), np.arange(3), path, np.ones((3, 26), bool))


def scores_of(crowd: Crowd) -> SceneScores:
    return score_scene('zara1', [crowd], Fan(), no_bar)


def test_who_goes_straight_is_predicted_exactly() -> None:
    figures = scores_of(straight_crowd()).figures()
    assert figures['windows'] == 3 * 7
    for name in ('most_likely', 'best_of_20', 'constant_velocity'):
        np.testing.assert_allclose(figures[name], [0.0, 0.0], atol=1e-5)


def test_known_errors_of_a_bend() -> None:
    # With y = b t^2 the last step knows the velocity 2 b (t - 0.2) and misses b s (s + 0.4).
    ahead = 0.4 * np.arange(1, 13)
    expected = 0.1 * ahead * (ahead + 0.4)
    scores = scores_of(straight_crowd(bend=0.1))
    np.testing.assert_allclose(scores.straight_m, np.tile(expected, (21, 1)), atol=1e-9)


def test_figures_turn_with_the_world() -> None:
    one, two = (scores_of(straight_crowd(turn, bend=0.05)).figures() for turn in (0.0, 1.9))
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, two[name], atol=1e-4)


def test_the_best_is_never_worse_than_the_likeliest() -> None:
    scores = scores_of(straight_crowd(bend=0.1))
    assert np.all(scores.distance_m.min(axis=1) <= scores.likeliest_m)
    figures = scores.figures()
    assert figures['best_of_20'][1] < figures['most_likely'][1]
    assert 0.0 <= figures['ece'] <= 1.0


def test_a_claim_that_never_comes_true_is_badly_calibrated() -> None:
    # All bend to one side, further than mode 0 goes: it claims 63 % and is never the closest.
    left = scores_of(straight_crowd(bend=0.2))
    top = left.probability.argmax(axis=1)
    assert np.all(top == 0)
    right = left.distance_m[..., -1].argmin(axis=1) == 0
    expected = abs(left.probability[0, 0] - right.mean())
    assert left.confidence().error == pytest.approx(expected, abs=1e-9)


def test_worst_cases_are_different_people() -> None:
    worst = scores_of(straight_crowd(bend=0.1)).worst
    assert len({int(case.window.person[case.row]) for case in worst}) == len(worst) == 3
    assert [case.fde_m for case in worst] == sorted((c.fde_m for c in worst), reverse=True)


def test_windows_of_other_data_are_refused(tmp_path: Path) -> None:
    for scene in SCENES:
        folder = tmp_path / scene / 'test'
        folder.mkdir(parents=True)
        lines = [f'{10 * f} {p} {0.5 * f} {2.0 * p}' for f in range(24) for p in range(2)]
        (folder / 'walk.txt').write_text('\n'.join(lines), encoding='utf-8')
    with pytest.raises(DataError, match=r'must number 181 pedestrians .* got 10'):
        evaluate_eth_ucy(tmp_path, lambda scene: Fan(), no_bar)


def test_constant_velocity_has_its_published_error(shared_data: Path) -> None:
    for scene, expected in (('eth', (1.00, 2.23)), ('hotel', (0.32, 0.62))):
        files = split_files(shared_data / 'eth_ucy', scene, 'test')
        scores = score_scene(scene, [read_crowd(path) for path in files], Fan(), no_bar)
        np.testing.assert_allclose(scores.figures()['constant_velocity'], expected, atol=0.005)


def test_the_summary_averages_scenes_and_lists_their_windows() -> None:
    crowds = {'eth': straight_crowd(), 'hotel': straight_crowd(bend=0.1)}
    scores = {scene: scores_of(crowd) for scene, crowd in crowds.items()}
    result = summary(scores)
    assert result['average']['windows'] == [21, 21]
    both = [result[scene]['most_likely'] for scene in crowds]
    np.testing.assert_allclose(result['average']['most_likely'], np.mean(both, axis=0))
    assert len(result['horizons']['most_likely']) == 12


def test_in_a_crowd_everyone_is_asked_amid_the_nearest() -> None:
    rng = np.random.default_rng(0)
    start = rng.uniform(-9, 9, (20, 1, 2))
    path = start + 0.4 * rng.uniform(-1, 1, (20, 1, 2)) * np.arange(20)[:, None]
    crowd = Crowd('crowd', np.arange(20), np.arange(20), path, np.ones((20, 20), bool))
    asked = []

    class Counting(Fan):
        def __call__(self, arrays: Arrays) -> Mapping[str, np.ndarray]:
            asked.append(int(arrays['actor_valid'].sum()))
            return super().__call__(arrays)

    scores = score_scene('univ', [crowd], Counting(), no_bar)
    assert asked == [16] * 20
    # Straight walks are predicted exactly only if each answer is that of the one who asked.
    np.testing.assert_allclose(scores.likeliest_m, 0.0, atol=1e-5)


def test_the_table_has_a_line_for_every_scene() -> None:
    from rich.console import Console

    from prediction_node.evaluation.eth_ucy_command import print_table

    result = summary(dict.fromkeys(SCENES, scores_of(straight_crowd(bend=0.1))))
    console = Console(width=118, record=True)
    print_table(result, console)
    text = console.export_text()
    ade, fde = result['average']['most_likely']
    assert f'{ade:.3f} / {fde:.3f}' in text
    assert all(scene in text for scene in (*SCENES, 'average'))
    assert str(5 * 21) in text


def test_pictures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip('matplotlib', reason='needs requirements/training.txt')
    from prediction_node.evaluation.eth_ucy_plots import draw_plots

    paths = draw_plots({'zara1': scores_of(straight_crowd(bend=0.1))}, tmp_path / 'plots')
    assert [path.name for path in paths] == [
        'calibration.png',
        'error_by_horizon.png',
        'worst_cases.png',
    ]
    for path in paths:
        assert path.read_bytes().startswith(b'\x89PNG')
