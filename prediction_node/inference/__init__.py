"""Engines that turn scenes into predictions, and the guard around them."""
