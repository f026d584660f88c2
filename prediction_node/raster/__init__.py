"""The scene as two small pictures of many channels, drawn alike in training and on the road."""

from prediction_node.raster.parameters import RasterParameters
from prediction_node.raster.rasterizer import Raster, Rasterizer

__all__ = ['Raster', 'RasterParameters', 'Rasterizer']
