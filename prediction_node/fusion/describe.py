"""What reports say of a track besides its motion: class, attributes, size, height, existence."""

from __future__ import annotations

from prediction_node.fusion.attributes import fuse_attributes
from prediction_node.fusion.classes import fuse_classes
from prediction_node.fusion.kernels import describe as kernel
from prediction_node.fusion.matches import Matches
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.size import fuse_sizes
from prediction_node.fusion.tables import Tables
from prediction_node.fusion.tracks import TrackTable


def describe(tracks: TrackTable, matches: Matches, reports: Reports, tables: Tables) -> None:
    """Note at the tracks what their reports say."""
    parameters, modality = tables.parameters, reports.modality
    fuse_classes(
        tracks.class_evidence,
        matches,
        modality,
        reports.has_class,
        reports.class_probabilities,
        tables.class_trust,
        parameters,
    )
    fuse_attributes(
        tracks.attribute,
        tracks.attribute_weight,
        matches,
        modality,
        reports.has_attribute,
        reports.attributes,
        tables.attribute_trust,
    )
    fuse_sizes(
        tracks.size_m,
        tracks.size_weight,
        matches,
        modality,
        reports.has_size,
        reports.size_m,
        tables.size_trust,
    )
    kernel.fuse_heights(
        tracks.height_m, *matches, modality, reports.position_m, tables.height_variance_m2
    )
    kernel.count_hits(
        tracks.log_odds,
        tracks.hits,
        tracks.confirmed,
        *matches,
        modality,
        reports.existence,
        tables.existence_gain,
        parameters.max_log_odds,
        parameters.confirm_log_odds,
        parameters.confirm_hits,
    )
    kernel.note_sources(
        tracks.seen_ns,
        tracks.source_seen_ns,
        tracks.source_id,
        tracks.source_has_id,
        *matches,
        reports.message,
        reports.message_stamp_ns,
        reports.message_column,
        reports.has_id,
        reports.id_hash,
    )
