"""Samples to learn from: a scene as the vehicle would see it, and what happened next."""

from prediction_node.learning.samples.index import write_index
from prediction_node.learning.samples.sample import ORIGINS, Sample
from prediction_node.learning.samples.store import SampleStore
from prediction_node.learning.samples.writer import SampleWriter

__all__ = ['ORIGINS', 'Sample', 'SampleStore', 'SampleWriter', 'write_index']
