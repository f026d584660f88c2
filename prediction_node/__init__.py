"""Motion prediction for self-driving vehicles: sensor tracks in, weighted futures of every agent
out.
"""

__version__ = '0.1.0'
