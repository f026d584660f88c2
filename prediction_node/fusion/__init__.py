"""Many sources of tracks become one list of agents."""

from prediction_node.fusion.fusion import Fusion
from prediction_node.fusion.parameters import FusionParameters

__all__ = ['Fusion', 'FusionParameters']
