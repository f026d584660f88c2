"""Pedestrian benchmarks: files of positions, windows over them, and windows as network inputs."""
