"""The ROS 2 shell: callbacks translate between rclpy and the pipeline; they do not think."""
