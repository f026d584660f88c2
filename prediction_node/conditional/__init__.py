"""Questions of the planner: judged, answered by an engine, and written as messages."""
