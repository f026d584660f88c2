"""Update by split covariance intersection.

Reports of one source are tracks, already filtered: part of the error of one report comes again in
the next, and counting it twice makes a filter sure of what it does not know. Split covariance
intersection (S. J. Julier, J. K. Uhlmann, in Handbook of Multisensor Data Fusion, 2001, ch. 12; H.
Li, F. Nashashibi, M. Yang, IEEE Trans. ITS 14(4), 2013) keeps the shared part of all errors apart
and intersects it, while the independent part is combined as a Kalman filter would:

    P1 = S/omega + I,  P2 = R_shared/(1 - omega) + R_independent,  K = P1 H'(H P1 H' + P2)^-1.

With `shared_error` 1 this is plain covariance intersection, with 0 the Kalman filter.

All reports that a track gets at once are used in one update, by adding their information
L = H' P2^-1 H and H' P2^-1 (z - h(x)): with T = (1 + P1 L)^-1 the fused covariance is T P1, and
what is left of an error of the track is T times it. The sources of these reports err independently
of each other; only with the past of its own does each share a part.
"""

from __future__ import annotations

import numpy as np

from prediction_node.fusion.kernels import update
from prediction_node.fusion.kernels.update import Told
from prediction_node.fusion.tracks import TrackTable


def split_update(tracks: TrackTable, rows: np.ndarray, told: Told) -> None:
    """Use what the tracks in `rows` (K,), all different, are told.

    Where the reports surprise the track (a jump that neither noise explains) its covariance is
    opened first, by as much as they surprise: it then follows at once what it had not foreseen (a
    strong tracking filter, D. H. Zhou, P. M. Frank, Int. J. Control 65(2), 1996, with one factor a
    track).
    """
    update.split_update(tracks.mean, tracks.independent, tracks.shared, rows, told)
