"""A recording in; a recording with predictions, figures and a report out. No ROS graph needed."""
