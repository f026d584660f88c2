"""Finds the data that a training asks for."""

from __future__ import annotations

import inspect

from prediction_node.domain.errors import ParameterError
from prediction_node.learning.data import TrainingData
from prediction_node.learning.parameters import TrainParameters
from prediction_node.learning.synthetic import open_synthetic
from prediction_node.network import NetworkConfig


def open_data(parameters: TrainParameters, config: NetworkConfig) -> TrainingData:
    """The examples of `parameters.data`, encoded for a network of `config`.

    Raises ParameterError and DataError naming what is missing.
    """
    data = parameters.data
    if data.kind == 'synthetic':
        known = set(inspect.signature(open_synthetic).parameters) - {'sizes'}
        unknown = set(data.options) - known
        if unknown:
            raise ParameterError(f'data.options of synthetic are {sorted(known)}, got {unknown}')
        return open_synthetic(config.sizes, **data.options)
    if data.kind == 'eth_ucy':
        from prediction_node.learning import eth_ucy

        return eth_ucy.open_data(data.options, config.sizes)
    from prediction_node.learning.dataset import open_samples

    return open_samples(parameters, config.sizes)
