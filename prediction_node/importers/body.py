"""What data sets leave out about bodies: heights, and boxes where only a class is known."""

from __future__ import annotations

import numpy as np

from prediction_node.domain.kinds import CLASS_COUNT, ObjectClass

# Usual sizes of grown specimens: length, width, height in metres.
_SIZE_M = {
    ObjectClass.UNKNOWN: (1.0, 1.0, 1.0),
    ObjectClass.CAR: (4.5, 1.8, 1.5),
    ObjectClass.TRUCK: (8.5, 2.5, 3.2),
    ObjectClass.BUS: (12.0, 2.5, 3.2),
    ObjectClass.TRAILER: (10.0, 2.5, 3.2),
    ObjectClass.MOTORCYCLE: (2.2, 0.8, 1.5),
    ObjectClass.BICYCLE: (1.8, 0.6, 1.7),
    ObjectClass.PEDESTRIAN: (0.5, 0.6, 1.75),
    ObjectClass.ANIMAL: (0.8, 0.3, 0.6),
}
USUAL_SIZE_M = np.array([_SIZE_M[ObjectClass(c)] for c in range(CLASS_COUNT)])  # (CLASS_COUNT, 3)
