"""Laws of the loss."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip('torch', reason='needs requirements/training.txt')

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from prediction_node.learning.losses import (  # noqa: E402
    BORROWED,
    KEPT_M,
    LATE,
    UNPLANNED,
    closest_mode,
    distances,
    gaussian_nll,
    instants,
    losses,
)
from prediction_node.learning.parameters import LossParameters  # noqa: E402

B, A, M, T, W = 2, 4, 3, 16, 4
PLAIN = LossParameters(warm_up_steps=0, mixture=0.3, others=0.1)


def made(seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random answers and truths; the last agent is padding, futures end at different steps."""
    g = torch.Generator().manual_seed(seed)
    spread = torch.rand((B, A, M, T, 3), generator=g) + 0.5
    spread[..., 2] = spread[..., 2] - 1.0
    output = {
        'mean': 5.0 * torch.randn((B, A, M, T, 2), generator=g),
        'spread': spread,
        'weight_logit': torch.randn((B, A, M, W), generator=g),
    }
    ends = torch.randint(1, T + 1, (B, A), generator=g)
    valid = (torch.arange(T) < ends[..., None]).float()
    weight = torch.rand((B, A), generator=g) + 0.1
    weight[:, -1] = 0.0
    batch = {
        'future': 5.0 * torch.randn((B, A, T, 2), generator=g),
        'future_valid': valid,
        'weight': weight,
    }
    return output, batch


def test_weights_are_judged_as_planners_are_told_them() -> None:
    output, batch = made()
    batch['label'] = torch.tensor([[1, 2, 1, 0], [7, 1, 2, 0]])  # car, truck, pedestrian
    told = LossParameters(warm_up_steps=0, temperature={'car': 2.0, 'pedestrian': 0.5})
    warm = torch.tensor([1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0])[batch['label']]
    calibrated = {**output, 'weight_logit': output['weight_logit'] / warm[..., None, None]}
    plain = LossParameters(warm_up_steps=0)
    torch.testing.assert_close(losses(output, batch, told, 1), losses(calibrated, batch, plain, 1))


def test_density_is_that_of_the_bivariate_gaussian() -> None:
    """Against the library's own."""
    output, batch = made()
    error = output['mean'] - batch['future'][:, :, None]
    sx, sy, rho = output['spread'].unbind(-1)
    cross = rho * sx * sy
    covariance = torch.stack([sx * sx, cross, cross, sy * sy], -1).unflatten(-1, (2, 2))
    expected = -torch.distributions.MultivariateNormal(
        torch.zeros(2), covariance_matrix=covariance
    ).log_prob(error)
    torch.testing.assert_close(
        gaussian_nll(error, output['spread']), expected, rtol=1e-4, atol=1e-3
    )


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_what_is_unknown_or_padding_has_no_influence(seed: int) -> None:
    """Whatever stands in unknown steps and unjudged agents, NaN included."""
    output, batch = made(seed)
    before = losses(output, batch, PLAIN, 0)
    unknown = (batch['future_valid'] == 0) | (batch['weight'] == 0)[..., None]
    changed = dict(batch, future=batch['future'].masked_fill(unknown[..., None], torch.nan))
    moved = dict(output, mean=output['mean'].clone(), weight_logit=output['weight_logit'].clone())
    moved['mean'][:, -1] += 3.0
    moved['weight_logit'][:, -1] += torch.arange(M)[:, None]
    after = losses(moved, changed, PLAIN, 0)
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=1e-5, atol=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.permutations(range(M)))
def test_the_order_of_modes_does_not_matter(seed: int, order: list[int]) -> None:
    output, batch = made(seed)
    turned = {name: value[:, :, order] for name, value in output.items()}
    before, after = losses(output, batch, PLAIN, 0), losses(turned, batch, PLAIN, 0)
    torch.testing.assert_close(after['loss'], before['loss'])


def test_the_regression_reaches_the_best_mode_alone() -> None:
    output, batch = made()
    mean = output['mean'].requires_grad_()
    only = LossParameters(likelihood=0.0, classification=0.0, likeliest=0.0)
    losses(output, batch, only, 0)['loss'].backward()
    best = closest_mode(distances(mean, batch['future']), batch['future_valid'], only.final_share)
    reached = mean.grad.abs().sum((-1, -2)) > 0
    expected = torch.nn.functional.one_hot(best, M).bool() & (batch['weight'] > 0)[..., None]
    assert torch.equal(reached, expected)


def test_a_perfect_mode_costs_nothing_and_its_slope_is_finite() -> None:
    output, batch = made()
    output['mean'] = batch['future'][:, :, None].repeat(1, 1, M, 1, 1).requires_grad_()
    terms = losses(output, batch, LossParameters(), 0)
    assert float(terms['regression'].detach()) == pytest.approx(0.0, abs=1e-6)
    terms['loss'].backward()
    assert bool(output['mean'].grad.isfinite().all())


def test_weights_are_judged_at_their_own_instants() -> None:
    """Mode 1 is nearest until the middle, mode 0 after it: only weights that say so are cheap."""
    at = instants(T, W)
    assert at == [3, 7, 11, 15]
    mean = torch.zeros(1, 1, 2, T, 2)
    mean[0, 0, 0, : T // 2, 0], mean[0, 0, 1, T // 2 :, 0] = 5.0, 5.0
    logit = torch.zeros(1, 1, 2, W)
    logit[0, 0, 1, :2], logit[0, 0, 0, 2:] = 10.0, 10.0
    output = {'mean': mean, 'spread': torch.ones(1, 1, 2, T, 3) * 0.5, 'weight_logit': logit}
    batch = {
        'future': torch.zeros(1, 1, T, 2),
        'future_valid': torch.ones(1, 1, T),
        'weight': torch.ones(1, 1),
    }
    right = losses(output, batch, LossParameters(), 0)['classification']
    wrong = losses({**output, 'weight_logit': -logit}, batch, LossParameters(), 0)
    assert float(right) < 1e-3
    assert float(wrong['classification']) > 9.0


def test_the_likelihood_grows_with_the_warm_up() -> None:
    output, batch = made()
    parameters = LossParameters(warm_up_steps=100)
    at = [losses(output, batch, parameters, step) for step in (0, 50, 100, 1000)]
    rest = at[0]['loss']
    grown = [float((terms['loss'] - rest) / terms['likelihood']) for terms in at]
    assert grown == pytest.approx([0.0, 0.15, 0.3, 0.3], abs=1e-5)


def test_mode_0_wins_within_its_radius() -> None:
    future, valid = torch.zeros(1, 1, T, 2), torch.ones(1, 1, T)
    mean = torch.zeros(1, 1, 2, T, 2)
    mean[0, 0, 0, :, 0] = 0.3  # the other one is perfect
    distance = distances(mean, future)
    assert int(closest_mode(distance, valid, 0.5)) == 1
    assert int(closest_mode(distance, valid, 0.5, 0.2)) == 1
    assert int(closest_mode(distance, valid, 0.5, 0.4)) == 0


@pytest.mark.parametrize('scale', [0.1, 1.0, 30.0])  # of pedestrians as of trucks
def test_mode_0_wins_unless_another_comes_many_times_nearer(scale: float) -> None:
    future, valid = torch.zeros(1, 1, T, 2), torch.ones(1, 1, T)
    mean = torch.zeros(1, 1, 2, T, 2)
    mean[0, 0, :, :, 0] = scale * torch.tensor([3.0, 2.0])[:, None]
    distance = distances(mean, future)
    assert int(closest_mode(distance, valid, 0.5)) == 1
    assert int(closest_mode(distance, valid, 0.5, first_favour=1.4)) == 1
    assert int(closest_mode(distance, valid, 0.5, first_favour=1.6)) == 0


def test_bystanders_of_a_plan_are_held_to_the_answer_without_it() -> None:
    output, batch = made()
    reacts = torch.tensor([[1.0, -1.0, 0.0, -1.0], [0.0, 0.0, 1.0, -1.0]])
    same = output | {UNPLANNED + name: output[name] for name in ('mean', 'weight_logit')}
    keep = LossParameters(warm_up_steps=0, keep=2.0)
    told = dict(batch, reacts=reacts)
    at_rest = losses(same, told, keep, 0)
    assert float(at_rest['keep']) < 1e-4

    def moved(rows: torch.Tensor) -> dict[str, Any]:
        change = rows[:, :, None, None, None] * torch.tensor([3.0, 4.0])
        return same | {'mean': output['mean'] + change}

    # Five metres in every mode, nearly as they are, of a third of the bystanders.
    expected = (5.0 - KEPT_M) / 3.0
    one = torch.zeros(B, A)
    one[0, 1] = 1.0
    assert float(losses(moved(one), told, keep, 0)['keep']) == pytest.approx(expected, rel=2e-3)
    others = losses(moved((reacts >= 0).float()), told, keep, 0)
    assert float(others['keep']) == pytest.approx(float(at_rest['keep']), abs=1e-6)
    without = losses(same, batch, LossParameters(warm_up_steps=0), 0)
    torch.testing.assert_close(at_rest['loss'], without['loss'] + 2.0 * at_rest['keep'])


def test_variety_draws_modes_apart_but_neither_the_first_nor_the_weights() -> None:
    """Everybody drives 40 m straight on. Where the modes come to lie, minimised by hand."""

    def learned(variety: float) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        agents, steps = 64, 8
        ahead = torch.linspace(5.0, 40.0, steps)
        future = torch.stack([ahead, torch.zeros(steps)], -1).expand(1, agents, steps, 2)
        batch = {
            'future': future,
            'future_valid': torch.ones(1, agents, steps),
            'weight': torch.ones(1, agents),
        }
        scale = torch.nn.Parameter(torch.linspace(0.95, 1.05, 3)[:, None, None])
        weight = torch.nn.Parameter(torch.zeros(3))
        optimizer = torch.optim.Adam([scale, weight], lr=0.02)
        told = LossParameters(warm_up_steps=0, variety=variety, first=1.0, likelihood=0.0)
        for step in range(300):
            mean = (scale * future[0, 0])[None, None].expand(1, agents, 3, steps, 2)
            output = {
                'mean': mean,
                'spread': torch.tensor([1.0, 1.0, 0.0]).expand(1, agents, 3, steps, 3),
                'weight_logit': weight[:, None].expand(1, agents, 3, 1),
            }
            optimizer.zero_grad()
            losses(output, batch, told, step)['loss'].backward()
            optimizer.step()
        late = [float(losses(output, batch, told, LATE)['loss'].detach()) for _ in range(2)]
        assert late[0] == late[1]  # what is validated is not drawn by chance
        return {'scale': scale.detach().flatten(), 'share': weight.detach().softmax(0)}

    plain, varied = learned(0.0), learned(0.3)
    assert float(plain['scale'].max() - plain['scale'].min()) < 0.15
    assert float(varied['scale'].max() - varied['scale'].min()) > 0.3
    assert float(varied['scale'][0]) == pytest.approx(1.0, abs=0.15)
    assert int(varied['share'].argmax()) == int((varied['scale'] - 1.0).abs().argmin())


def test_what_two_borrowed_plans_change_in_common_costs() -> None:
    output, batch = made()
    told = dict(batch, reacts=torch.tensor([[1.0, -1.0, 0.0, -1.0], [0.0, 0.0, 1.0, -1.0]]))
    parameters = LossParameters(warm_up_steps=0, common=1.0)

    def common(*changes: float) -> float:
        answers = dict(output)
        for start, change in zip((UNPLANNED, *BORROWED), (0.0, *changes), strict=True):
            answers[start + 'mean'] = output['mean'] + torch.tensor([change, 0.0])
            answers[start + 'weight_logit'] = output['weight_logit']
        return float(losses(answers, told, parameters, 0)['common'])

    assert common(3.0, 3.0) == pytest.approx(9.0 / 10.0**0.5, rel=1e-3)
    assert common(3.0, 0.0) == pytest.approx(0.0, abs=1e-4)
    # Opposite changes have nothing in common: over many pairs theirs cancel those of like ones.
    assert common(3.0, -3.0) == pytest.approx(-common(3.0, 3.0), rel=1e-3)
