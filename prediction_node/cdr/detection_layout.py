"""Where the parts of a Detection3DArray stand, and its texts put there, in compiled passes."""

from __future__ import annotations

import numpy as np

from prediction_node.compiled import compiled


@compiled
def place_detections(
    offset: int,
    first: np.ndarray,
    frame_size: np.ndarray,
    class_size: np.ndarray,
    identity_size: np.ndarray,
    hypothesis_size: int,
    box_size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Offsets of N detections, of H class names and the records behind them, of N boxes, and of the
    end.

    `offset` is that behind the count of detections, `first` (N + 1,) their first hypotheses; sizes
    of texts (N,), (H,), (N,) count the closing zero. Records are multiples of 8 bytes long.
    """
    n = len(first) - 1
    detection, box = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    name = np.empty(len(class_size), dtype=np.int64)
    hypothesis = np.empty(len(class_size), dtype=np.int64)
    for i in range(n):
        detection[i] = (offset + 3) & -4
        offset = ((detection[i] + 12 + frame_size[i] + 3) & -4) + 4
        for j in range(first[i], first[i + 1]):
            name[j] = (offset + 3) & -4
            hypothesis[j] = (name[j] + 4 + class_size[j] + 7) & -8
            offset = hypothesis[j] + hypothesis_size
        box[i] = (offset + 7) & -8
        offset = box[i] + box_size + 4 + identity_size[i]
    return detection, name, hypothesis, box, offset


@compiled
def fill_texts(
    out: np.ndarray,
    detection: np.ndarray,
    name: np.ndarray,
    box: np.ndarray,
    first: np.ndarray,
    frames: np.ndarray,
    frame_end: np.ndarray,
    classes: np.ndarray,
    class_end: np.ndarray,
    identities: np.ndarray,
    identity_end: np.ndarray,
    box_size: int,
) -> None:
    """Write texts and counts into zeroed bytes `out` at the places of `place_detections`.

    Texts stand one behind the other, closing zeros included, and end at (N + 1,) or (H + 1,)
    offsets that begin with 0.
    """
    for i in range(len(detection)):
        at = _text(out, detection[i] + 8, frames, frame_end[i], frame_end[i + 1])
        _u32(out, (at + 3) & -4, first[i + 1] - first[i])
        for j in range(first[i], first[i + 1]):
            _text(out, name[j], classes, class_end[j], class_end[j + 1])
        _text(out, box[i] + box_size, identities, identity_end[i], identity_end[i + 1])


@compiled
def _u32(out: np.ndarray, at: int, value: int) -> None:
    for k in range(4):
        out[at + k] = (value >> (8 * k)) & 255


@compiled
def _text(out: np.ndarray, at: int, texts: np.ndarray, low: int, high: int) -> int:
    """A string and the length before it; returns where it ends."""
    _u32(out, at, high - low)
    for k in range(high - low):
        out[at + 4 + k] = texts[low + k]
    return at + 4 + high - low
