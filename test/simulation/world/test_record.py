"""Clean stretches of a city."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_node.domain.errors import SimulationError
from prediction_node.domain.kinds import ObjectClass
from prediction_node.simulation.network.script import Script, StandingCar
from prediction_node.simulation.world.contact import MOVING_MPS, boxes_of, overlaps
from prediction_node.simulation.world.record import record


@pytest.fixture(scope='module')
def scene(downtown):
    return record(downtown, 6.0, 7)


def _arrays(recording):
    names = ('stamp_ns', 'label', 'size_m', 'position_m', 'yaw_rad', 'velocity_mps', 'valid')
    return [getattr(recording, name) for name in (*names, 'attributes', 'has_attribute')]


def test_the_same_city_and_seed_give_the_same_bits(downtown, scene):
    again = record(downtown, 6.0, 7)
    assert again.recording.track_id == scene.recording.track_id
    assert again.counts == scene.counts
    for one, other in zip(_arrays(scene.recording), _arrays(again.recording), strict=True):
        assert one.tobytes() == other.tobytes()
    for one, other in zip(scene.recording.lights, again.recording.lights, strict=True):
        assert one.colour.tobytes() == other.colour.tobytes()


def test_a_recording_lasts_as_long_as_asked_and_holds_the_robotaxi_throughout(scene):
    recording = scene.recording
    assert scene.rejected is None
    assert len(recording.stamp_ns) == 61
    assert np.all(np.diff(recording.stamp_ns) == 100_000_000)
    assert recording.track_id[recording.ego] == 'ego'
    assert recording.valid[recording.ego].all()
    assert recording.valid.any(axis=1).all()
    assert len(recording.lights) == 61
    assert len(recording.lights[0]) > 0


def test_most_classes_are_there(scene):
    present = set(scene.recording.label.tolist())
    for label in ('CAR', 'TRUCK', 'BUS', 'TRAILER', 'MOTORCYCLE', 'BICYCLE', 'PEDESTRIAN'):
        assert ObjectClass[label] in present, label


def test_nothing_that_moves_overlaps_or_leaps_in_a_recording(scene):
    recording = scene.recording
    for t in range(len(recording.stamp_ns)):
        here = np.flatnonzero(recording.valid[:, t])
        boxes = boxes_of(
            recording.position_m[here, t], recording.yaw_rad[here, t], recording.size_m[here]
        )
        moving = np.hypot(*recording.velocity_mps[here, t].T) > MOVING_MPS
        assert not len(overlaps(boxes, moving).depth_m)
    both = recording.valid[:, 1:] & recording.valid[:, :-1]
    step = np.diff(recording.position_m[..., :2], axis=1)[both]
    np.testing.assert_allclose(step / 0.1, recording.velocity_mps[:, 1:][both], atol=1e-9)
    assert np.hypot(*step.T).max() < 3.5


def test_centres_lie_half_a_height_above_the_road_and_absence_is_zero(scene):
    recording = scene.recording
    height = np.broadcast_to(0.5 * recording.size_m[:, None, 2], recording.valid.shape)
    np.testing.assert_array_equal(recording.position_m[..., 2], height * recording.valid)


def test_an_overlap_is_left_out_of_the_window_and_counted(street):
    """A car stands where the others drive, and SUMO does not know: they push through in the end."""
    wall = tuple(
        StandingCar(f'w{x}', np.array([x, 300.0]), 0.0, np.array([3.0, 4.0, 1.5]))
        for x in (1.5, 4.5, 7.5)
    )
    city = street(script=Script(parked=wall), ego='departPos="230" departSpeed="10"')
    scene = record(city, 20.0, 1, warm_up_s=1.0)
    assert scene.counts['overlaps'] >= 1
    assert scene.counts['unclean_instants'] >= 1
    if scene.rejected is not None:
        assert 'overlapped by' in scene.rejected
        assert len(scene.recording.stamp_ns) < 201


def test_a_city_that_is_never_clean_is_rejected_with_the_reason(street):
    """The robotaxi starts within a box, and the next box is always near."""
    wall = tuple(
        StandingCar(f'w{y}', np.array([5.0, y]), 0.0, np.array([12.0, 4.0, 1.5]))
        for y in np.arange(60.0, 400.0, 6.0)
    )
    city = street(script=Script(parked=wall), ego='departPos="66" departSpeed="10"')
    scene = record(city, 10.0, 1, warm_up_s=0.5)
    assert scene.rejected is not None
    assert 'of 10 s in a row were clean' in scene.rejected
    assert 'car ego' in scene.rejected


def test_progress_is_told_up_to_the_end(street):
    told = []
    city = street(ego='departPos="60" departSpeed="5"')
    record(city, 2.0, 1, warm_up_s=1.0, progress=told.append)
    assert told[-1] == pytest.approx(2.0)
    assert np.all(np.diff(told) >= 0.0)


def test_a_recording_of_no_length_is_refused(street):
    with pytest.raises(SimulationError, match=r'at least, got 0\.0'):
        record(street(), 0.0, 1)
