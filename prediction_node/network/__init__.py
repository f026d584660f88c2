"""The learned predictor: what it reads and answers is in `domain.tensors`."""

from prediction_node.network.config import NetworkConfig
from prediction_node.network.model import Network

__all__ = ['Network', 'NetworkConfig']
