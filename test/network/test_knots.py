"""Curves between the ends of blocks: known answers."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch', reason='needs the training libraries')
from prediction_node.domain.tensors import Sizes  # noqa: E402
from prediction_node.network import NetworkConfig  # noqa: E402
from prediction_node.network.knots import Curves, hermite, line  # noqa: E402


def test_a_cubic_comes_back_as_it_is() -> None:
    """Hermite curves through the values and slopes of a polynomial of third degree are it."""
    blocks, per_block, step_s = 4, 5, 0.1
    curve, start = hermite(blocks, per_block, step_s)
    end_s = per_block * step_s * torch.arange(1, blocks + 1)
    t = step_s * torch.arange(1, blocks * per_block + 1)

    def place(s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.7 * s - 2.0 * s**2 + s**3, 0.3 * s**2

    def slope(s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.7 - 4.0 * s + 3.0 * s**2, 0.6 * s

    knots = torch.cat([place(end_s)[0], slope(end_s)[0], place(end_s)[1], slope(end_s)[1]])
    now = torch.tensor([0.7, 0.0])
    found = (knots @ curve + now @ start).reshape(-1, 2)
    expected = torch.stack(place(t), dim=-1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_lines_pass_through_the_ends() -> None:
    blocks, per_block = 3, 4
    ends = torch.tensor([1.0, 3.0, 2.0, 6.0])
    expected = torch.tensor([1.5, 2.0, 2.5, 3.0, 2.75, 2.5, 2.25, 2.0, 3.0, 4.0, 5.0, 6.0])
    torch.testing.assert_close(ends @ line(blocks, per_block), expected)


def test_a_spread_along_the_path_turns_with_it() -> None:
    """A path to the left: what is uncertain along it is uncertain along y."""
    curves = Curves(NetworkConfig(sizes=Sizes(agents=1, channels=0), sigma_start_m=(1.0, 0.0)))
    raw = torch.zeros(1, 3, 6, 1, 16)
    raw[:, 0] = torch.log(torch.tensor(3.0))
    cos, sin = torch.zeros(1, 6, 1, 16), torch.ones(1, 6, 1, 16)
    sigma_x, sigma_y, rho = curves.spread(raw, cos, sin, torch.ones(1, 2, 1)).unbind(-1)
    torch.testing.assert_close(sigma_x[0, 0, 0, 4:], torch.ones(76))
    torch.testing.assert_close(sigma_y[0, 0, 0, 4:], torch.full((76,), 3.0))
    torch.testing.assert_close(rho[0, 0, 0], torch.zeros(80), atol=1e-6, rtol=0)


def test_weights_gather_what_each_second_gains() -> None:
    curves = Curves(NetworkConfig(sizes=Sizes(agents=1, channels=0)))
    raw = torch.ones(1, 6, 1, 16)
    found = curves.weight_logit(raw, torch.zeros(1, 1, 6))
    torch.testing.assert_close(found[0, 0, 0], torch.arange(2.0, 17.0, 2.0))


@pytest.mark.parametrize('bf16', [False, True])
def test_the_longest_ellipse_across_the_axes_keeps_a_density(bf16: bool) -> None:
    curves = Curves(NetworkConfig(sizes=Sizes(agents=1, channels=0)))
    raw = torch.full((1, 3, 6, 1, 16), 6.0)
    raw[:, 1] = -6.0
    half = torch.full((1, 6, 1, 16), 0.5**0.5)
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=bf16):
        found = curves.spread(raw, half, half, torch.ones(1, 2, 1))
    assert found.dtype == torch.float32
    sigma, rho = found[..., :2], found[..., 2]
    assert bool(torch.isfinite(found).all())
    assert bool((sigma > 0).all())
    assert float(rho.abs().max()) <= 0.9991
