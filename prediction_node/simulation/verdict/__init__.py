"""What the receiving side saw of a run, and whether that is good enough."""
