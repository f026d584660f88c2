"""What somebody is like, drawn from the seed and the name alone, so that it does not depend on who
else is there.
"""

from __future__ import annotations

import hashlib


def draw(seed: int, name: str, trait: str) -> float:
    """A number in [0, 1), evenly spread over names and traits."""
    digest = hashlib.blake2b(f'{seed} {trait} {name}'.encode(), digest_size=6).digest()
    return int.from_bytes(digest, 'big') / 2**48
