"""What reports say of a track besides its motion: class, attributes, size, height, existence."""

from __future__ import annotations

import numpy as np

from prediction_node.fusion import delete
from prediction_node.fusion.attributes import fuse_attributes
from prediction_node.fusion.classes import fuse_classes
from prediction_node.fusion.groups import lengths
from prediction_node.fusion.parameters import FusionParameters
from prediction_node.fusion.reports import Reports
from prediction_node.fusion.size import fuse_size
from prediction_node.fusion.tracks import TrackTable


def describe(
    tracks: TrackTable,
    rows: np.ndarray,
    first: np.ndarray,
    reports: Reports,
    columns: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """Note the report rows `columns` (R,) at the track rows `rows` (R,), rising.

    `first` (K,) are the first pairs of each track; the pairs of one track are in the order of the
    messages.
    """
    at = rows[first]
    modality = reports.modality[columns]
    has_class = reports.has_class[columns]
    if has_class.any():
        tracks.class_evidence[at] = fuse_classes(
            tracks.class_evidence[at],
            reports.class_probabilities[columns],
            has_class,
            np.asarray(parameters.class_trust)[modality],
            parameters,
            first,
        )
    has_attribute = reports.has_attribute[columns]
    if has_attribute.any():
        tracks.attribute[at], tracks.attribute_weight[at] = fuse_attributes(
            tracks.attribute[at],
            tracks.attribute_weight[at],
            reports.attributes[columns],
            has_attribute,
            np.asarray(parameters.attribute_trust)[modality],
            first,
        )
    has_size = reports.has_size[columns]
    if has_size.any():
        tracks.size_m[at], tracks.size_weight[at] = fuse_size(
            tracks.size_m[at],
            tracks.size_weight[at],
            reports.size_m[columns],
            has_size,
            np.asarray(parameters.size_trust)[modality],
            first,
        )
    _fuse_height(tracks, rows, first, reports, columns, parameters)
    existence = np.asarray(parameters.existence_gain)[modality] * reports.existence[columns]
    delete.count_hits(
        tracks,
        at,
        np.add.reduceat(existence, first),
        lengths(first, len(rows)),
        parameters,
    )
    _note_sources(tracks, rows, first, reports, columns)


def _fuse_height(
    tracks: TrackTable,
    rows: np.ndarray,
    first: np.ndarray,
    reports: Reports,
    columns: np.ndarray,
    parameters: FusionParameters,
) -> None:
    """A Kalman filter of a constant, in information form."""
    at = rows[first]
    information = (1.0 / np.square(parameters.height_sigma_m))[reports.modality[columns]]
    offset = reports.position_m[columns, 2] - tracks.height_m[rows, 0]
    total = 1.0 / tracks.height_m[at, 1] + np.add.reduceat(information, first)
    tracks.height_m[at, 0] += np.add.reduceat(information * offset, first) / total
    tracks.height_m[at, 1] = 1.0 / total


def _note_sources(
    tracks: TrackTable,
    rows: np.ndarray,
    first: np.ndarray,
    reports: Reports,
    columns: np.ndarray,
) -> None:
    """Who saw the tracks when, and under which name."""
    at, stamp_ns, column = rows[first], reports.stamp_ns[columns], reports.column[columns]
    newest = np.maximum.reduceat(stamp_ns, first)
    tracks.seen_ns[at] = np.maximum(tracks.seen_ns[at], newest)
    # Of two reports of one source the newer is noted: it comes later.
    newer = np.maximum(stamp_ns, tracks.source_seen_ns[rows, column])
    tracks.source_seen_ns[rows, column] = newer
    tracks.source_id[rows, column] = reports.id_hash[columns]
    tracks.source_has_id[rows, column] = reports.has_id[columns]
