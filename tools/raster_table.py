"""Writes the table of channels in docs/raster.md from the manifest: `python -m tools.raster_table`.

The test suite compares the two.
"""

from __future__ import annotations

from pathlib import Path

from prediction_node.raster.manifest import CHANNELS, VERSION, Channel

PAGE = Path(__file__).resolve().parent.parent / 'docs' / 'raster.md'
BEGIN, END = '<!-- channels: begin -->', '<!-- channels: end -->'


def table() -> str:
    """The channels as a Markdown table."""
    rows = [
        f'Version {VERSION}, {len(CHANNELS)} channels.',
        '',
        '| | channel | group | from | to | step | meaning |',
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    rows += [
        f'| {i} | `{channel.name}` | {channel.group} | {_range(channel)} | {channel.meaning} |'
        for i, channel in enumerate(CHANNELS)
    ]
    return '\n'.join(rows)


def _range(channel: Channel) -> str:
    low, high = (channel.scale * (byte - channel.offset) for byte in (0, 255))
    return f'{low:.4g} | {high:.4g} | {channel.scale:.2g}'


def renewed(page: str) -> str:
    """The page with its table made anew. Raises ValueError where the marks are missing."""
    for mark in (BEGIN, END):
        if page.count(mark) != 1:
            raise ValueError(f'{PAGE.name} must hold {mark} once, got {page.count(mark)}')
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f'{before}{BEGIN}\n{table()}\n{END}{after}'


if __name__ == '__main__':
    PAGE.write_text(renewed(PAGE.read_text(encoding='utf-8')), encoding='utf-8')
