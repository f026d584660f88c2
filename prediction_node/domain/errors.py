"""Errors a user can act on. Each message names the thing, the value and the bound."""

from __future__ import annotations


class PredictionNodeError(Exception):
    """Root of all errors raised on bad input; the command line prints it as one sentence."""


class ParameterError(PredictionNodeError):
    """A parameter is unknown, has the wrong type, or breaks its declared range."""


class MessageError(PredictionNodeError):
    """A message cannot be read. Names the field and, for a bad buffer, the byte offset."""


class MapError(PredictionNodeError):
    """A map cannot be used. Names the file and the element."""


class FrameError(PredictionNodeError):
    """A coordinate frame is unknown, or no transform is known at the asked instant."""


class BagError(PredictionNodeError):
    """A recording cannot be read or written. Names the file."""


class DataError(PredictionNodeError):
    """A data set, scenario or sensor description is malformed. Names the file and the field."""


class SimulationError(PredictionNodeError):
    """The simulated city cannot be built or run. Names what is missing, or the scenario and why."""


class EngineError(PredictionNodeError):
    """An inference engine cannot be built, kept or run. Names the library or file and why."""
