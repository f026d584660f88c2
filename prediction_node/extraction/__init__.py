"""From recordings of any kind to samples: `python -m prediction_node extract`."""
