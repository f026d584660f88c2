"""Measured speed: codec, fusion and the whole cycle. Figures, not tests."""
