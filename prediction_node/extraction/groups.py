"""Which recordings show the same stretch of time, so that they never sit in two splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from prediction_node.extraction.units import COMMONROAD, Unit
from prediction_node.learning.folds import group_name
from prediction_node.learning.samples.index import RecordingEntry

SPAN, PLACE = 'span_ns', 'place'  # facts of a recording: first and last stamp; where it was
MARGIN_NS = 60 * 1_000_000_000  # drives this close in time meet the same traffic


def with_groups(units: Sequence[Unit]) -> list[Unit]:
    """The units, CommonRoad files with the group that they share with others of their folder.

    All files of a folder are compared, given or not: a group's name must not depend on what is
    extracted. A file that cannot be read is a group of its own; reading it will say why.
    """
    named: dict[Path, str] = {}
    for folder in sorted({u.path.parent for u in units if u.kind == COMMONROAD}):
        named.update(_groups_in(folder))
    return [
        dataclasses.replace(unit, group=named.get(unit.path, unit.group))
        if unit.kind == COMMONROAD
        else unit
        for unit in units
    ]


def _groups_in(folder: Path) -> dict[Path, str]:
    from prediction_node.domain.errors import DataError
    from prediction_node.importers.commonroad import read_commonroad
    from prediction_node.importers.time_spans import group_by_time_span

    files, recordings = [], []
    for file in sorted(folder.glob('*.xml')):
        try:
            recordings.append(read_commonroad(file)[0])
        except DataError:
            continue
        files.append(file)
    out = {}
    for members in group_by_time_span(recordings):
        name = group_name(recordings[k].name for k in members)
        out.update({files[k]: name for k in members})
    return out


def groups_by_time(entries: Sequence[RecordingEntry]) -> Mapping[str, str]:
    """Groups of the recordings that tell when and where they were made.

    Those of one place whose spans meet, or nearly so, form one group, named by the first of them.
    """
    dated = sorted(
        (e for e in entries if SPAN in e.facts and PLACE in e.facts),
        key=lambda e: (str(e.facts[PLACE]), int(e.facts[SPAN][0]), e.name),
    )
    out: dict[str, str] = {}
    place, until_ns, members = '', 0, []  # type: str, int, list[str]
    for entry in dated:
        begin_ns, end_ns = (int(v) for v in entry.facts[SPAN])
        if not members or entry.facts[PLACE] != place or begin_ns > until_ns + MARGIN_NS:
            place, until_ns, members = str(entry.facts[PLACE]), end_ns, []
        until_ns = max(until_ns, end_ns)
        members.append(entry.name)
        out[entry.name] = members[0]
    return out
