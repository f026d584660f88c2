"""Modelled sensors: exact road users in, the messages of four modalities out."""
