"""The test bench: a simulated vehicle on a road of its own, for the live node and in lockstep."""
