"""Scenes as tensors, and the network's answers as predictions: one contract for training and
vehicle.
"""
