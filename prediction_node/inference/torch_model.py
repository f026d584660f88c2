"""A network in torch: for development, and as the measure of the other engines."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from prediction_node.domain.errors import EngineError
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


def check_device(device: str) -> None:
    """Raises EngineError where torch cannot work there."""
    if device.startswith('cuda') and not torch.cuda.is_available():
        raise EngineError(f'torch {torch.__version__} finds no CUDA GPU')


class TorchModel:
    """Implements inference.model.Model with the two halves of a network.Network."""

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        sizes: Sizes,
        inputs: Sequence[str],
        device: str = 'cpu',
    ) -> None:
        """`inputs`: those of ENCODER_INPUTS that the encoder reads; `device` as torch names it."""
        self.sizes = sizes
        self._device = device
        self._encoder, self._decoder = (each.eval().to(device) for each in (encoder, decoder))
        self._inputs = {name: encoder_inputs(sizes)[name] for name in inputs}

    def encode(self, arrays: Arrays) -> Mapping[str, Tensor]:
        """What the encoder makes of a scene, with a leading axis of one."""
        check_arrays(arrays, self._inputs, self.sizes)
        batch = {
            name: torch.from_numpy(np.ascontiguousarray(arrays[name]))[None].to(self._device)
            for name in self._inputs
        }
        with torch.inference_mode():
            encoded: Mapping[str, Tensor] = self._encoder(batch)
        if self._device.startswith('cuda'):
            torch.cuda.synchronize()  # what was queued only would be timed with the decoder
        return encoded

    def decode(
        self, encoded: Mapping[str, Tensor], plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        """OUTPUTS for (C, K, 5), (C, K); a network that reads no plan answers once (C = 1)."""
        asked = {'plan': plan, 'plan_valid': plan_valid}
        sizes = dataclasses.replace(self.sizes, candidates=len(plan))
        check_arrays(asked, DECODER_INPUTS, sizes)
        told = (torch.from_numpy(each).to(self._device) for each in (plan, plan_valid))
        with torch.inference_mode():
            answer = self._decoder(encoded, *told)
        return {name: value.cpu().numpy() for name, value in answer.items()}
