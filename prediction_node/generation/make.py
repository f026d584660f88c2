"""One scene from its request: city, world, map, sensors, files."""

from __future__ import annotations

import hashlib

BAG, MAP, SCENE = 'bag', 'map.osm', 'scene.npz'
MAX_WINDOWS = 8  # thrown away in a row before a scene is given up
VIEW_EVERY = 5  # instants of 0.1 s between two of visibility


def window_seed(seed: int, window: int) -> int:
    """The seed of a scene's first, second ... world. The first is the scene's own."""
    if window == 0:
        return seed
    digest = hashlib.blake2b(f'{seed}/{window}'.encode(), digest_size=4).digest()
    return int.from_bytes(digest, 'little') >> 1
