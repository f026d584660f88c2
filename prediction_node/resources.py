"""Where the files that travel with the package lie: in the source tree, or in the installed share
folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from prediction_node.domain.errors import DataError

PACKAGE = 'prediction_node'


def share_directory() -> Path:
    """The folder that holds config/, launch/, interfaces/ and samples/.

    The source tree when run from it; else share/prediction_node of the first ament prefix, or of
    the interpreter's own prefix. Raises DataError naming the places searched.
    """
    root = Path(__file__).resolve().parent.parent
    if (root / 'package.xml').is_file():
        return root
    prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    candidates = [Path(p) / 'share' / PACKAGE for p in (*prefixes, sys.prefix)]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    searched = ', '.join(str(c) for c in (root, *candidates))
    raise DataError(f'the share folder of {PACKAGE} is in none of: {searched}')


def share_path(*parts: str) -> Path:
    """A file or folder below the share folder. Raises DataError if it does not exist."""
    path = share_directory().joinpath(*parts)
    if not path.exists():
        raise DataError(f'{path} is missing: the installation of {PACKAGE} is incomplete')
    return path
