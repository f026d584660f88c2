"""Modelled reality: sensors today, traffic to come."""
