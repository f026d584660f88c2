"""Recordings to extract, and orders to the stand-in that extracts nothing."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prediction_node.extraction.make import Work
from prediction_node.extraction.units import Unit


@dataclass
class Errands:
    """Units of the stand-in, each a file that says what is to happen."""

    folder: Path
    work: Work

    def unit(self, name: str, what: str) -> Unit:
        path = self.folder / f'{name}.txt'
        path.write_text(what)
        return Unit('errand', path, name)

    def tries(self, unit: Unit) -> int:
        path = unit.path.with_suffix('.tries')
        return len(path.read_text().split()) if path.exists() else 0


@pytest.fixture
def errands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Errands:
    # Processes that are started later find the stand-in by its name, as they find this package.
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv('PYTHONPATH', str(Path(__file__).parent))
    folder = tmp_path / 'errands'
    folder.mkdir()
    stand_in: Any = importlib.import_module('stand_in_work')
    return Errands(folder, stand_in.work)
