"""Covariances are judged by minors; eigenvalues say whether rightly."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from prediction_node.observation.judging import semidefinite

# Coarse enough that no eigenvalue hides in the rounding.
entries = st.integers(-192, 192).map(lambda k: k / 64)


@settings(max_examples=200)
@given(arrays(np.float64, (5, 3, 3), elements=entries), st.booleans())
def test_semidefinite_means_no_negative_eigenvalue(values: np.ndarray, products: bool) -> None:
    turned = np.swapaxes(values, 1, 2)
    matrices = values @ turned if products else values + turned
    verdict = semidefinite(matrices, 1e10)
    smallest = np.linalg.eigvalsh(matrices)[:, 0]
    scale = np.trace(matrices, axis1=1, axis2=2)
    assert np.all(verdict[smallest >= 0.0])
    # The slack of rounded covariances lets through at most this much below zero.
    assert not np.any(verdict[smallest < -0.03 * np.abs(scale) - 1e-12])


def test_three_axes_that_contradict_each_other_are_refused() -> None:
    """Each pair could be; x goes with y, y with z, but x against z."""
    contradiction = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    agreement = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.9], [0.9, 0.9, 1.0]])
    np.testing.assert_array_equal(
        semidefinite(np.stack([contradiction, agreement]), 1e10), [False, True]
    )


def test_asymmetric_ones_are_refused() -> None:
    asymmetric = np.eye(3)
    asymmetric[0, 1] = 0.5
    assert not semidefinite(asymmetric[None], 1e10)[0]
