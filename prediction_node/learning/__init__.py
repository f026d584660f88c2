"""From logs to weights: samples, training, model cards."""
