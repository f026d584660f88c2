"""Scenes of the simulated city in bulk: recorded, resumed, counted, on one machine or many."""
