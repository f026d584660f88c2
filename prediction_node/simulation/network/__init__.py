"""Cities for the simulation: from a scenario to a SUMO network, its demand and its script."""
