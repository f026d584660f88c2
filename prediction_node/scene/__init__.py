"""From agents at single instants to scenes whose agents have pasts."""

from prediction_node.scene.builder import SceneBuilder
from prediction_node.scene.parameters import SceneParameters

__all__ = ['SceneBuilder', 'SceneParameters']
