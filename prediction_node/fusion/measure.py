"""From reports to linearised measurements of their tracks."""

from __future__ import annotations

from prediction_node.fusion.belief import Belief
from prediction_node.fusion.kernels import measure, motion
from prediction_node.fusion.kernels.update import Told
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable


def measurements(
    tracks: TrackTable,
    tracks_ns: int,
    belief: Belief,
    matches: Matches,
    reports: Reports,
    tables: Tables,
) -> Told:
    """What the reports tell of their tracks, which are at `tracks_ns`; and votes for headings.

    A report older than the tracks is compared with where they were; what may have happened since is
    noise of it. Beside the reports stands one more thing known of every body with a heading: it
    does not move sideways (its unsteered axle does not, which lies `axle_fraction` of the length
    behind the centre).
    """
    parameters = tables.parameters
    row, report = matches.row, matches.report
    late_s = ((tracks_ns - reports.message_stamp_ns) * 1e-9)[reports.message[report]]
    past, jacobian = motion.moved(
        tracks.mean,
        row,
        -late_s,
        parameters.acceleration_memory_s,
        parameters.yaw_rate_memory_s,
    )
    measured = measure.MeasuredTracks(
        tracks.mean,
        belief.noise,
        belief.length_m,
        tracks.has_heading,
        tracks.front_told,
        tracks.heading_evidence,
    )
    silence_s = (tracks_ns - tracks.seen_ns[matches.at]) * 1e-9
    known_jacobian, known = measure.no_slip(
        measured, matches.at, silence_s, parameters.slip_memory_s
    )
    innovation, information = measure.measure(
        measured,
        row,
        measure.Measured(
            reports.position_m,
            reports.position_covariance,
            reports.has_velocity,
            reports.velocity_mps,
            reports.velocity_covariance,
            reports.orientation,
            reports.yaw_rad,
            reports.yaw_variance,
            reports.has_yaw_rate,
            reports.yaw_rate_radps,
        ),
        report,
        past,
        late_s,
    )
    return Told(
        start=matches.start,
        innovation=innovation,
        information=information,
        jacobian=jacobian,
        shared_part=tables.shared_error[reports.modality[report]],
        known_jacobian=known_jacobian,
        known=known,
    )
