"""The loops of encoding and decoding, as machine code. Each module stands alone, see `compiled`."""
