"""Which code made this: the commit of the source tree, or the version of the installation."""

from __future__ import annotations

import subprocess
from pathlib import Path

from prediction_node import __version__


def code_version() -> str:
    """Such as '0.1.0 (3f2a9c1b7d, changed)'; the version alone outside of a git checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / '.git').exists():
        return __version__
    try:
        commit = _git(root, 'rev-parse', '--short=10', 'HEAD')
        changed = _git(root, 'status', '--porcelain', '--untracked-files=no', 'prediction_node')
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f'{__version__} ({commit}{", changed" if changed else ""})'


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ['git', '-C', str(root), *arguments], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout.strip()
