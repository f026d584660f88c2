"""The report of a run for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show(console: Console, figures: Mapping[str, Any]) -> None:
    """Figures, faults and verdict."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style='dim')
    table.add_column(justify='right')
    for name, value in _rows(figures):
        table.add_row(name, value)
    console.print(table)
    if figures['faults']:
        console.print(_faults(figures['faults']))
    good = figures['verdict'] == 'pass'
    console.print(f'verdict: [{"green" if good else "red"}]{figures["verdict"]}[/]')
    for reason in figures['reasons']:
        console.print(f'  - {reason}', markup=False, highlight=False)


def _rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ('cycles', str(figures['cycles'])),
        ('misses', str(figures['misses'])),
        ('degraded cycles', str(figures['degraded_cycles'])),
        ('response p50 / p99 / p99.9', _slashed(figures, 'p50_ms', 'p99_ms', 'p999_ms')),
        ('longest gap', _ms(figures['max_gap_ms'])),
    ]
    if 'age_p99_ms' in figures:
        rows += [
            ('age p50 / p99', _slashed(figures, 'age_p50_ms', 'age_p99_ms')),
            ('received after release, p99', _ms(figures['received_p99_ms'])),
            ('road users', str(figures['road_users_p50'])),
        ]
    rows += [
        (f'minADE 5 s, {name}', f'{value:.2f} m') for name, value in figures['min_ade_5s'].items()
    ]
    rows.append(('collisions of the robotaxi', str(figures['ego_collisions'])))
    brakes = str(figures['hard_brakes'])
    if 'ego_hard_brakes' in figures:
        brakes += f' ({figures["ego_hard_brakes"]} of the robotaxi)'
    rows.append(('hard braking', brakes))
    return rows


def _faults(faults: list[dict[str, Any]]) -> Table:
    table = Table('fault', 'from', 'to', 'named', 'after', 'well after', 'mode', box=None)
    for each in faults:
        table.add_row(
            f'{each["kind"]} {each["source"]}',
            f'{each["start_s"]:g} s',
            f'{each["end_s"]:g} s',
            each['named'] or '-',
            _ms(each['detected_ms']),
            _ms(each['recovered_ms']),
            each['mode'],
        )
    return table


def _slashed(figures: Mapping[str, Any], *names: str) -> str:
    values = [figures[name] for name in names]
    return ' / '.join('-' if v is None else f'{v:g}' for v in values) + ' ms'


def _ms(value: float | None) -> str:
    return '-' if value is None else f'{value:g} ms'


def show_comparison(console: Console, figures: Mapping[str, Any]) -> None:
    """Both planners side by side, and the paired differences."""
    first, second = figures['arms']
    table = Table('', first, second, 'difference', '95 % interval', box=None)
    arms, paired = figures['arms'], figures['paired']
    for words, name in (
        ('hard brakes per km', 'hard_brakes_per_km'),
        ('of the robotaxi, per km', 'ego_hard_brakes_per_km'),
        ('and of those behind it, per km', 'caused_hard_brakes_per_km'),
        ('collisions per km', 'collisions_per_km'),
    ):
        each = paired[name]
        table.add_row(
            words,
            *(f'{arms[arm][name]:.2f}' for arm in (first, second)),
            f'{each["value"]:+.2f}',
            f'{each["low"]:+.2f} .. {each["high"]:+.2f}',
        )
    ratio = paired['distance_ratio']
    table.add_row(
        'distance',
        *(f'{arms[arm]["distance_m"] / 1000.0:.2f} km' for arm in (first, second)),
        f'{100.0 * ratio["value"]:.1f} %',
        f'{100.0 * ratio["low"]:.1f} .. {100.0 * ratio["high"]:.1f} %',
    )
    console.print(f'{len(figures["seeds"])} seeds of {figures["duration_s"]:g} s each')
    console.print(table)
