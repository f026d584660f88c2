"""Simulator, planner and monitor as ROS nodes, for the node in the loop."""
