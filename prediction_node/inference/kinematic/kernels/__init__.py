"""Loops of the kinematic predictor as machine code, one module per topic.

Each module stands alone: it imports `math`, numpy and `compiled` and nothing else, because the
machine code kept on disk is renewed only when the module's own file changes. Numbers that live
elsewhere come as arguments. Arrays are C-contiguous and of the one type that the caller's wrapper
makes, so that every kernel is compiled once.
"""
