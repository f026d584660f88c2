"""The scene as two small pictures of many channels, drawn alike in training and on the road."""

from prediction_node.raster.montage import montage
from prediction_node.raster.parameters import RasterParameters
from prediction_node.raster.rasterizer import DrawnMap, Raster, Rasterizer, SceneDrawing
from prediction_node.raster.warm_up import warm_up

__all__ = [
    'DrawnMap',
    'Raster',
    'RasterParameters',
    'Rasterizer',
    'SceneDrawing',
    'montage',
    'warm_up',
]
