"""A network in torch: for development, and as the measure of the other engines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    Arrays,
    Sizes,
    check_arrays,
    encoder_inputs,
)


def use_threads(count: int) -> None:
    """Of torch, in this process."""
    torch.set_num_threads(count)


class TorchModel:
    """Implements inference.model.Model with the two halves of a network.Network."""

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, sizes: Sizes, inputs: Sequence[str]
    ) -> None:
        """`inputs`: those of ENCODER_INPUTS that the encoder reads."""
        self.sizes = sizes
        self._encoder, self._decoder = encoder.eval(), decoder.eval()
        self._inputs = {name: encoder_inputs(sizes)[name] for name in inputs}

    def encode(self, arrays: Arrays) -> Mapping[str, Tensor]:
        """What the encoder makes of a scene, with a leading axis of one."""
        check_arrays(arrays, self._inputs, self.sizes)
        batch = {
            name: torch.from_numpy(np.ascontiguousarray(arrays[name]))[None]
            for name in self._inputs
        }
        with torch.inference_mode():
            encoded: Mapping[str, Tensor] = self._encoder(batch)
        return encoded

    def decode(
        self, encoded: Mapping[str, Tensor], plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        """OUTPUTS for (C, K, 5), (C, K); a network that reads no plan answers once (C = 1)."""
        asked = {'plan': plan, 'plan_valid': plan_valid}
        sizes = dataclasses.replace(self.sizes, candidates=len(plan))
        check_arrays(asked, DECODER_INPUTS, sizes)
        with torch.inference_mode():
            answer = self._decoder(encoded, torch.from_numpy(plan), torch.from_numpy(plan_valid))
        return {name: value.numpy() for name, value in answer.items()}
