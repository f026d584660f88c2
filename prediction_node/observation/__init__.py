"""From messages to sensor tracks in the map frame: time rules, coordinate frames, input health.

`observer.Observer` is the way in; it knows neither rclpy nor CDR.
"""
