"""Own motion speaks for the likeliest path of vehicles of which nothing else is known."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.domain.tensors import (  # noqa: E402
    MAP_NAMES,
    MAP_RELATIONS,
    STATE_NAMES,
    Sizes,
)
from prediction_node.network import Network, NetworkConfig  # noqa: E402
from prediction_node.network.knots import Curves  # noqa: E402
from prediction_node.network.own_motion import _KNOTS, OwnMotion  # noqa: E402

CITY = NetworkConfig(sizes=Sizes(agents=6, map_nodes=3, channels=0), own_motion_width=16)


def people(*names: str) -> Any:
    """(1, A, S) of agents of these classes, or classes and what is reported of them."""
    state = torch.zeros(1, len(names), len(STATE_NAMES))
    for i, name in enumerate(names):
        label, _, reported = name.partition(' with ')
        state[0, i, STATE_NAMES.index(f'class_{label}')] = 1.0
        if reported:
            state[0, i, STATE_NAMES.index(f'has_{reported}')] = 1.0
    return state


def of_actors(state: Any) -> Any:
    """With a row for the robotaxi."""
    return torch.cat([state[:, :1] * 0.0, state], dim=1)


def test_it_speaks_for_vehicles_of_which_nothing_is_reported() -> None:
    own = OwnMotion(CITY)
    state = people('car', 'truck', 'bus', 'car with brake', 'pedestrian', 'motorcycle')
    assert own.speaks({'actor_state': of_actors(state)}).tolist() == [
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    ]


@pytest.mark.parametrize(('light', 'says'), [('red', True), ('green', True), ('unknown', False)])
def test_it_is_silent_before_a_light_that_is_known(light: str, says: bool) -> None:
    own = OwnMotion(CITY)
    lights = torch.zeros(1, 3, len(MAP_NAMES))
    lights[0, 1, MAP_NAMES.index(f'light_{light}')] = 0.9
    kind = torch.zeros(1, 3, 3, dtype=torch.uint8)
    kind[0, 1, 1] = MAP_RELATIONS.index('ahead')
    kind[0, 2, 1] = MAP_RELATIONS.index('oncoming')
    batch = {
        'actor_state': of_actors(people('car', 'car')),
        'map_feature': lights,
        'map_valid': torch.ones(1, 3),
        'actor_map_kind': kind,
    }
    speaks = own.speaks(batch)
    assert speaks[0, 0] == pytest.approx(0.1 if says else 1.0)
    assert speaks[0, 1] == 1.0
    batch['map_valid'] *= 0.0
    assert own.speaks(batch).tolist() == [[1.0, 1.0]]


def test_the_correction_is_the_integral_of_its_rates() -> None:
    own, curves = OwnMotion(CITY), Curves(CITY)
    sizes = CITY.sizes
    said = torch.zeros(1, len(_KNOTS) - 1)
    said[0, 1] = 2.0  # m/s at a quarter of the horizon
    raw = torch.matmul(said, own.basis)
    place, rate = raw.chunk(2, dim=-1)
    raw = torch.stack([place, place * 0.0, rate, rate * 0.0])[None, :, None]
    still = torch.zeros(1, 1, 1, sizes.blocks)
    offsets = curves.offsets(raw, still + 1.0, still)
    mean = curves.mean(torch.zeros(1, 1, 1, sizes.steps, 2), offsets)[0, 0, 0]
    # A triangle from 1 s over 2 s to 3 s, 2 m/s high.
    t = sizes.step_s * torch.arange(1, sizes.steps + 1)
    before, after = torch.clamp(t - 1.0, 0.0, 1.0), torch.clamp(t - 2.0, 0.0, 1.0)
    expected = before**2 + 2.0 * after - after**2
    torch.testing.assert_close(mean[:, 0], expected, rtol=0, atol=2e-3)
    assert not mean[:, 1].any()


def test_it_moves_mode_zero_where_it_speaks_and_nothing_else(batch_of: Any) -> None:
    torch.manual_seed(3)
    network = Network(CITY).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    own = network.encoder.own_motion
    assert own is not None
    batch = batch_of(CITY)
    batch['actor_state'][:, 1:] = people('car', *['car with brake'] * 5)
    batch['map_feature'][..., own.lights] = 0.0
    with torch.no_grad():
        whole = network(batch)
        own.layers[-1].bias += 1.0
        other = network(batch)
        network.encoder.own_motion = None
        without = network(batch)
    moved = (other['mean'] - whole['mean']).abs().amax(dim=(0, 3, 4))
    assert moved[0, 0] > 0.3
    untold = {name: batch[name] for name in batch if not name.startswith('plan')}
    with torch.no_grad():
        plain = network(untold)['mean']
        network.encoder.own_motion = own
        spoken = network(untold)['mean']
    changed = (spoken - plain).abs().amax(dim=(0, 3, 4)) > 1e-4
    assert changed[0, 0]
    assert not changed[0, 1:].any()
    assert not changed[1:].any()
    for name in ('spread', 'weight_logit'):
        torch.testing.assert_close(whole[name].shape, without[name].shape)


def test_untrained_it_leaves_the_kinematic_path(batch_of: Any) -> None:
    batch = batch_of(CITY)
    batch['actor_state'][:, 1:] = people(*['car'] * 6)
    batch['map_feature'].zero_()
    network = Network(CITY).eval()
    with torch.no_grad():
        mean = network({k: v for k, v in batch.items() if not k.startswith('plan')})['mean']
    torch.testing.assert_close(mean[:, :, 0], batch['proposal'][:, :, 0, :, :2])


@pytest.mark.parametrize(
    'values', [{'use_proposals': False}, {'sizes': Sizes(blocks=20, weights=4, channels=0)}]
)
def test_it_needs_proposals_and_eighths_of_the_horizon(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='own_motion_width must be 0'):
        NetworkConfig(**{'sizes': Sizes(channels=0), **values}, own_motion_width=8)
