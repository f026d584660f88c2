"""The node knows itself: what it predicted some seconds ago against what it sees now."""
