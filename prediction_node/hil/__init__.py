"""Hardware in the loop: the node in front of a world that answers, and a verdict."""
