"""Loops of fusion in machine code.

Every module here stands alone: what it needs of the order of states, classes and masks it states
itself (test_fusion_kernels compares them), because code kept on disk is renewed only when its own
file changes. Arrays are C-contiguous, of the types that their descriptions name.
"""
