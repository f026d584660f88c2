"""What holds of the network whatever its weights: causality, symmetry, indifference to padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.domain.tensors import STATE_NAMES  # noqa: E402
from prediction_node.network import Network, NetworkConfig  # noqa: E402
from prediction_node.network.export import AGENT_AXES  # noqa: E402
from prediction_node.network.modes import base_of_proposals  # noqa: E402

Batch = dict[str, Any]
BatchOf = Callable[..., Batch]
# Sums in another order differ in the last bits.
CLOSE_M = 1e-3


def answer(network: Network, batch: Batch) -> dict[str, Any]:
    with torch.no_grad():
        return network(batch)


@pytest.mark.parametrize('block', range(16))
def test_a_plan_changes_nothing_before_it_is_driven(
    city: Network, batch_of: BatchOf, block: int
) -> None:
    batch = batch_of(city.config, 2)
    changed = dict(batch, plan=batch['plan'].clone())
    changed['plan'][:, block:] += torch.tensor([-8.0, 5.0, -0.7, 0.7, -4.0])
    before, after = answer(city, batch), answer(city, changed)
    until = (block + 1) * city.config.steps_per_block
    for name in ('mean', 'spread'):
        assert torch.equal(before[name][..., :until, :], after[name][..., :until, :])
    seconds = (block + 1) // 2
    assert torch.equal(before['weight_logit'][..., :seconds], after['weight_logit'][..., :seconds])
    if block < 15:
        assert (before['mean'] - after['mean']).abs().max() > 1e-3
        assert (before['weight_logit'] - after['weight_logit']).abs().max() > 1e-4


@pytest.mark.parametrize('block', [0, 3, 9])
def test_a_plan_that_ends_early_is_unknown_from_there_on(
    city: Network, batch_of: BatchOf, block: int
) -> None:
    batch = batch_of(city.config, 2)
    batch['plan_valid'][:, block:] = 0.0
    changed = dict(batch, plan=batch['plan'].clone())
    changed['plan'][:, block:] += 30.0
    for name, value in answer(city, batch).items():
        assert torch.equal(value, answer(city, changed)[name])


def test_without_a_plan_nobody_reacts(city: Network, batch_of: BatchOf) -> None:
    batch = batch_of(city.config, 2)
    none = dict(batch, plan_valid=torch.zeros_like(batch['plan_valid']))
    unasked = {name: value for name, value in batch.items() if not name.startswith('plan')}
    for name, value in answer(city, unasked).items():
        assert torch.equal(value, answer(city, none)[name])
        assert not torch.equal(value, answer(city, batch)[name])


def test_candidates_in_one_batch_answer_as_one_by_one(city: Network, batch_of: BatchOf) -> None:
    many = batch_of(city.config, 4)
    scene = {name: value[:1] for name, value in many.items()}
    with torch.no_grad():
        encoded = city.encoder(scene)
        together = city.decoder(encoded, many['plan'], many['plan_valid'])
        for row in range(4):
            alone = city.decoder(encoded, many['plan'][row, None], many['plan_valid'][row, None])
            for name, value in alone.items():
                torch.testing.assert_close(together[name][row], value[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize('kind', ['city', 'crowd'])
def test_padding_changes_nothing(
    kind: str, request: pytest.FixtureRequest, batch_of: BatchOf
) -> None:
    network: Network = request.getfixturevalue(kind)
    batch = batch_of(network.config, 2)
    padded = {name: padding(network.config, name, value) for name, value in batch.items()}
    expected, found = answer(network, batch), answer(network, padded)
    agents = network.config.sizes.agents
    for name, value in expected.items():
        torch.testing.assert_close(found[name][:, :agents], value, rtol=0, atol=CLOSE_M)


def padding(config: NetworkConfig, name: str, value: Any) -> Any:
    """The tensor with three more actors, agents or map nodes of nonsense that is not valid."""
    from prediction_node.domain.tensors import DECODER_INPUTS, ENCODER_INPUTS

    axes = {**ENCODER_INPUTS, **DECODER_INPUTS}[name].axes
    for i, axis in enumerate(axes, start=1):
        if axis in ('agents', 'actors', 'map_nodes') and (axis != 'agents' or i == 1):
            shape = list(value.shape)
            shape[i] = 3
            more = torch.zeros(shape, dtype=value.dtype)
            if not name.endswith('valid'):
                more += 1
            value = torch.cat([value, more], dim=i)
    return value


@pytest.mark.parametrize('kind', ['city', 'crowd'])
def test_the_order_of_agents_and_map_nodes_does_not_matter(
    kind: str, request: pytest.FixtureRequest, batch_of: BatchOf
) -> None:
    network: Network = request.getfixturevalue(kind)
    batch = batch_of(network.config, 1)
    agents = torch.randperm(network.config.sizes.agents, generator=torch.Generator().manual_seed(1))
    actors = torch.cat([torch.zeros(1, dtype=torch.int64), agents + 1])
    nodes = torch.arange(network.config.sizes.map_nodes).flip(0)
    order = {'agents': agents, 'actors': actors, 'map_nodes': nodes}
    shuffled = {name: reordered(name, value, order) for name, value in batch.items()}
    expected, found = answer(network, batch), answer(network, shuffled)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value[:, agents], rtol=0, atol=CLOSE_M)


def reordered(name: str, value: Any, order: dict[str, Any]) -> Any:
    from prediction_node.domain.tensors import DECODER_INPUTS, ENCODER_INPUTS

    axes = {**ENCODER_INPUTS, **DECODER_INPUTS}[name].axes
    for i, axis in enumerate(axes, start=1):
        if axis in order:
            value = value.index_select(i, order[str(axis)])
    return value


def test_turning_the_view_turns_nothing(crowd: Network, batch_of: BatchOf) -> None:
    """Without a raster only what lies between actors counts, not where the view is."""
    batch = batch_of(crowd.config, 1)
    cos, sin = torch.cos(torch.tensor(1.1)), torch.sin(torch.tensor(1.1))
    x, y, c, s = batch['actor_pose'].unbind(-1)
    pose = [
        cos * x - sin * y + 40.0,
        sin * x + cos * y - 25.0,
        cos * c - sin * s,
        sin * c + cos * s,
    ]
    turned = dict(batch, actor_pose=torch.stack(pose, dim=-1))
    for name, value in answer(crowd, batch).items():
        torch.testing.assert_close(answer(crowd, turned)[name], value, rtol=0, atol=CLOSE_M)


def test_untrained_it_is_the_kinematic_predictor(city: Network, batch_of: BatchOf) -> None:
    fresh = Network(city.config).eval()
    batch = batch_of(city.config, 2)
    found = answer(fresh, batch)
    torch.testing.assert_close(found['mean'], batch['proposal'][..., :2], rtol=0, atol=1e-4)
    weight = torch.softmax(found['weight_logit'], dim=2)
    expected = torch.softmax(batch['proposal_log_weight'], dim=2)[..., None].expand_as(weight)
    torch.testing.assert_close(weight, expected, rtol=0, atol=1e-5)


def test_modes_without_a_proposal_start_from_the_likeliest(
    city: Network, batch_of: BatchOf
) -> None:
    batch = batch_of(city.config, 1)
    batch['proposal_log_weight'][..., 0] = 0.0
    batch['proposal_log_weight'][..., 1:] = -20.0
    batch['proposal'][:, :, 1:] = 1e3
    found = answer(Network(city.config).eval(), batch)
    likeliest = batch['proposal'][:, :, 0, :, :2]
    apart = (found['mean'] - likeliest[:, :, None]).norm(dim=-1).amax(dim=-1)
    assert torch.all(apart[:, :, 0] < 1e-3)
    # Fanned out, so that training can tell them apart, and unlikely.
    assert torch.all((apart[:, :, 1:] > 0.5) & (apart[:, :, 1:] < 10.0))
    assert torch.all(torch.softmax(found['weight_logit'], dim=2)[:, :, 0] > 0.9)


def test_the_likeliest_future_of_one_who_stays_does_not_drift(
    city: Network, batch_of: BatchOf
) -> None:
    batch = _somebody_standing(city, batch_of)
    moved = _corrected_by(city, batch)
    assert torch.all(moved[:, :, 0] < 1e-4)
    # The others are there to start.
    assert torch.all(moved[:, :, 1:] > 0.01)


@pytest.mark.parametrize(
    ('attribute', 'value'),
    [('front_wheel_angle_rad', -0.2), ('turn_left', 1.0), ('turn_right', 1.0)],
)
def test_who_shows_that_he_will_leave_is_not_held(
    city: Network, batch_of: BatchOf, attribute: str, value: float
) -> None:
    batch = _somebody_standing(city, batch_of)
    batch['actor_state'][..., STATE_NAMES.index(f'attribute_{attribute}')] = value
    assert torch.all(_corrected_by(city, batch)[:, :, 0] > 0.01)


def test_between_standing_and_moving_the_hold_fades(city: Network, batch_of: BatchOf) -> None:
    batch = _somebody_standing(city, batch_of)
    moved = []
    for distance_m in (0.9, 1.5, 2.0, 2.5, 3.1):
        batch['proposal'][:, :, 0, -1, 0] = distance_m
        base = base_of_proposals(
            batch['proposal'],
            batch['proposal_log_weight'],
            batch['actor_state'][:, 1:],
            city.config.steps_per_block,
        )
        assert torch.all(base.loose[:, 1:] == 1.0)
        moved.append(float(base.loose[:, 0].mean()))
    assert moved == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0], abs=1e-5)


def test_how_likely_one_stays_is_learned_apart(city: Network, batch_of: BatchOf) -> None:
    """Whatever that part says: paths stay, and so do the weights of all who move."""
    batch = _somebody_standing(city, batch_of)
    # The first of them moves.
    batch['proposal'][:, 0, 0, :, 0] = torch.linspace(0.1, 8.0, batch['proposal'].shape[3])
    before = answer(city, batch)
    staying = city.encoder.modes.staying
    assert staying is not None
    with torch.no_grad():
        staying.second.bias += 1.0
    after = answer(city, batch)
    torch.testing.assert_close(after['mean'], before['mean'], rtol=0, atol=1e-5)
    gained = after['weight_logit'] - before['weight_logit']
    torch.testing.assert_close(gained[:, 0], 0.0 * gained[:, 0], rtol=0, atol=1e-5)
    torch.testing.assert_close(gained[:, 1:, 1:], 0.0 * gained[:, 1:, 1:], rtol=0, atol=1e-5)
    # Each block gives one more.
    per_weight = city.config.sizes.blocks // city.config.sizes.weights
    expected = per_weight * torch.arange(1.0, city.config.sizes.weights + 1.0)
    torch.testing.assert_close(gained[0, 1, 0], expected, rtol=0, atol=1e-4)


def _somebody_standing(city: Network, batch_of: BatchOf) -> Batch:
    """Everybody stands, says the likeliest proposal, and shows no sign of leaving."""
    batch = batch_of(city.config, 1)
    batch['proposal_log_weight'][:] = torch.log(torch.tensor([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]))
    batch['proposal'][:, :, 0] = 0.0
    for attribute in ('front_wheel_angle_rad', 'turn_left', 'turn_right'):
        batch['actor_state'][..., STATE_NAMES.index(f'attribute_{attribute}')] = 0.0
    return batch


def _corrected_by(city: Network, batch: Batch) -> Any:
    """(B, A, M) the largest distance from each proposal without a plan, m."""
    unasked = {name: value for name, value in batch.items() if not name.startswith('plan')}
    off = answer(city, unasked)['mean'] - batch['proposal'][..., :2]
    return off.norm(dim=-1).amax(dim=-1)


@pytest.mark.parametrize('kind', ['city', 'crowd'])
def test_spreads_are_spreads(kind: str, request: pytest.FixtureRequest, batch_of: BatchOf) -> None:
    network: Network = request.getfixturevalue(kind)
    low, _ = network.config.sigma_range_m
    sigma_x, sigma_y, rho = answer(network, batch_of(network.config, 2))['spread'].unbind(-1)
    assert torch.all(sigma_x >= 0.99 * low)
    assert torch.all(sigma_y >= 0.99 * low)
    assert torch.all(rho.abs() < 1.0)


def test_everything_is_trained(city: Network, batch_of: BatchOf) -> None:
    answered = city.train()(batch_of(city.config, 2))
    sum((value**2).mean() for value in answered.values()).backward()
    dead = [
        name
        for name, parameter in city.named_parameters()
        if parameter.grad is None or not torch.isfinite(parameter.grad).all()
    ]
    assert dead == []


def test_the_export_knows_which_axes_count_agents(city: Network, batch_of: BatchOf) -> None:
    with torch.no_grad():
        few = city.encoder(batch_of(city.config))
        more = city.encoder(batch_of(city.config, agents=11))
    for name, tensor in few.items():
        pairs = zip(tensor.shape, more[name].shape, strict=True)
        grown = tuple(i for i, (a, b) in enumerate(pairs) if a != b)
        assert grown == AGENT_AXES[name], name
