"""The figures and pictures of an evaluation as one page for a browser."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prediction_node.evaluation.tables import metres, percent
from prediction_node.metrics import MOVING

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 74em; padding: 0 1em;
       color: #222; background: #fff; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .25em .7em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
figure { display: inline-block; width: 32em; max-width: 100%; margin: .5em; }
"""
COLUMNS = ('windows', 'FDE', 'best of 6', 'missed', 'NLL', 'brier gap', 'off road', 'overlap')


def write_page(
    path: Path, title: str, result: Mapping[str, Any], pictures: Sequence[tuple[str, str]]
) -> None:
    """`pictures`: file beside the page, and what it shows."""
    name = result['engine']
    origins = ', '.join(f'{count} {origin}' for origin, count in result['origins'].items())
    about = (
        f'{result["samples"]} samples of {result["groups"]} groups ({origins}); moving agents; '
        'gains are 1 - error / error of the other engine, with 95 % intervals from resampling '
        'groups.'
    )
    parts = [f'<h1>{html.escape(title)}</h1>', f'<p>{html.escape(about)}</p>']
    entries = {'all classes': result['all_classes'], **result['classes']}
    for label, entry in entries.items():
        rows = _rows(entry, [name, *result['baselines']])
        if rows:
            parts.append(f'<h2>{html.escape(label)}</h2>')
            parts.append(_table(['horizon', 'engine', *COLUMNS, f'gain of {name}'], rows))
    for file, caption in pictures:
        parts.append(
            f'<figure><a href="{html.escape(file)}"><img src="{html.escape(file)}"></a>'
            f'<figcaption>{html.escape(caption)}</figcaption></figure>'
        )
    body = '\n'.join(parts)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<style>{STYLE}</style>\n{body}\n</html>\n',
        encoding='utf-8',
    )


def _rows(entry: Mapping[str, Any], engines: Sequence[str]) -> list[list[str]]:
    rows = []
    for horizon, first in entry[engines[0]][MOVING].items():
        if not first['windows']:
            continue
        for engine in engines:
            cell = entry[engine][MOVING][horizon]
            over = entry['gain_over'].get(engine, {}).get(horizon)
            rows.append(
                [
                    horizon,
                    engine.replace('_', ' '),
                    str(cell['windows']),
                    metres(cell['fde']),
                    metres(cell['min_fde']),
                    _share(cell['miss_rate']),
                    _number(cell['nll']),
                    _number(cell['brier_gap']),
                    _share(cell['off_road']),
                    _share(cell['overlap']),
                    percent(over['fde'], 1) if over else '',
                ]
            )
    return rows


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = ''.join(f'<th>{html.escape(h)}</th>' for h in headings)
    body = '\n'.join(
        '<tr>' + ''.join(f'<td>{html.escape(text)}</td>' for text in row) + '</tr>' for row in rows
    )
    return f'<table><tr>{head}</tr>\n{body}</table>'


def _share(value: float | None) -> str:
    return '-' if value is None else f'{100.0 * value:.1f} %'


def _number(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'
