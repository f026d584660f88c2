"""Recordings: rosbag2 folders and files in, damaged ones included; MCAP out."""
