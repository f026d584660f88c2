"""How good predictions are: metrics, and protocols over recorded data sets."""
