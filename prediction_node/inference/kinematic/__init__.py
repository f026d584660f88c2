"""The kinematic predictor: what the road and physics say, without learning."""

from prediction_node.inference.kinematic.engine import KinematicEngine
from prediction_node.inference.kinematic.parameters import KinematicParameters

__all__ = ['KinematicEngine', 'KinematicParameters']
