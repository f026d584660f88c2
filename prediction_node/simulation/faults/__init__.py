"""Faults on purpose: what is to go wrong, when, and the messages it spoils."""
