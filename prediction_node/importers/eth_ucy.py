"""ETH and UCY: pedestrians seen from above, annotated every 0.4 s, as recordings of 10 Hz."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from prediction_node.crowds.files import STEP_S, Crowd, read_crowd
from prediction_node.domain.errors import DataError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.domain.prediction import STEP_S as SAMPLE_S
from prediction_node.domain.recording import Recording
from prediction_node.domain.stamps import NS_PER_S
from prediction_node.importers.point_tracks import recording_of_points

FINER = round(STEP_S / SAMPLE_S)  # instants of a recording for one annotated frame
START_NS = 1_000_000_000 * NS_PER_S  # arbitrary: frames are counted and name no instant
MAX_FRAMES = 36_000
PARTS = (
    '_train',
    '_val',
)  # of a recording that the protocol cuts in two, at the end of their names
# What the publishers say, by what the names of their recordings begin with.
_LICENCES = {
    'biwi_': 'ETH: none stated',
    **dict.fromkeys(
        ('students', 'crowds_zara', 'uni_examples', 'arxiepiskopi'), 'UCY: free with credit'
    ),
}
_LONGEST_LINE = 4096


def read_eth_ucy(path: Path) -> Recording:
    """A text file of the ETH/UCY protocol as a recording without a robotaxi, lanes or lights.

    Between two annotated frames everybody goes straight at a steady speed. So the instants that are
    multiples of 0.4 s after the first know nothing of what comes after them; those between, where
    the next frame decides, are for history and future only (`annotated_instants`).

    Raises DataError naming the file for what `read_crowd` refuses and for frames that are not whole
    steps apart.
    """
    crowd = read_crowd(path)
    position, valid = _finer(crowd, _steps(crowd, path))
    count = valid.shape[1]
    step_ns = round(SAMPLE_S * NS_PER_S)
    return recording_of_points(
        crowd.name,
        [f'{crowd.name}-{person}' for person in crowd.person.tolist()],
        np.full(len(crowd.person), int(ObjectClass.PEDESTRIAN)),
        START_NS + step_ns * np.arange(count, dtype=np.int64),
        position,
        valid,
    )


def is_crowd_file(path: Path) -> bool:
    """Does a text file begin as those of the protocol do: four numbers, the first two whole?"""
    try:
        with path.open('rb') as file:
            begin = file.readline(_LONGEST_LINE).decode('utf-8')
        values = [float(field) for field in begin.split()]
    except (OSError, ValueError):  # also what is no text at all
        return False
    finite = len(values) == 4 and all(math.isfinite(value) for value in values)
    return finite and all(value == round(value) for value in values[:2])


def positions_said(path: Path) -> frozenset[tuple[float | str, ...]]:
    """The lines of a file as numbers, however they are written; what is no number stays text.

    Raises DataError.
    """
    try:
        lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError as problem:
        raise DataError(f'{path}: cannot be read: {problem.strerror}') from problem
    return frozenset(tuple(_number(field) for field in line.split()) for line in lines)


def _number(field: str) -> float | str:
    try:
        return float(field)
    except ValueError:
        return field


def scene_name(path: Path) -> str:
    """The recording a file belongs to: without the ending of a part."""
    for ending in PARTS:
        if path.stem.endswith(ending):
            return path.stem.removesuffix(ending)
    return path.stem


def licence_of_crowd(path: Path) -> str:
    """What the publishers of a recording say, known by its usual name; empty if it has another."""
    name = scene_name(path)
    return next((said for begin, said in _LICENCES.items() if name.startswith(begin)), '')


def annotated_instants(recording: Recording) -> np.ndarray:
    """Columns of a recording of `read_eth_ucy` at which it may be asked what comes next."""
    return np.arange(0, len(recording.stamp_ns), FINER)


def _steps(crowd: Crowd, path: Path) -> np.ndarray:
    """(F,) which annotated step each frame is, the first being 0."""
    if len(crowd.frame) < 2:
        raise DataError(f'{path}: must hold at least two frames, got {len(crowd.frame)}')
    usual = int(np.median(np.diff(crowd.frame)))
    since = crowd.frame - crowd.frame[0]
    if np.any(since % usual):
        odd = crowd.frame[int(np.argmax(since % usual > 0))]
        raise DataError(f'{path}: frame {odd} is no whole number of {usual} frames after the first')
    step = since // usual
    if step[-1] >= MAX_FRAMES:
        raise DataError(f'{path}: must last at most {MAX_FRAMES} steps, got {step[-1]}')
    return np.asarray(step)


def _finer(crowd: Crowd, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, T, 2) and (P, T): the tracks at all instants, straight between neighbouring frames."""
    people, last = len(crowd.person), int(step[-1])
    position = np.zeros((people, last * FINER + 1, 2))
    valid = np.zeros((people, last * FINER + 1), dtype=bool)
    position[:, step * FINER] = crowd.position_m
    valid[:, step * FINER] = crowd.valid
    begins = np.flatnonzero(np.diff(step) == 1)
    both = crowd.valid[:, begins] & crowd.valid[:, begins + 1]
    for part in range(1, FINER):
        share = part / FINER
        between = (1.0 - share) * crowd.position_m[:, begins]
        between = between + share * crowd.position_m[:, begins + 1]
        columns = step[begins] * FINER + part
        position[:, columns] = np.where(both[..., None], between, 0.0)
        valid[:, columns] = both
    return position, valid
