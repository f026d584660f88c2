"""What NVIDIA's own tool reads off the GPU: which it is, what it holds, what it draws."""

from __future__ import annotations

import subprocess

_ASKED = {
    'name': 'gpu',
    'driver_version': 'gpu_driver',
    'memory.used': 'gpu_memory_mb',
    'power.draw': 'gpu_power_w',
}
_PATIENCE_S = 10.0


def gpu_figures(engine: str) -> dict[str, str | float | None]:
    """Of the first GPU, at once after it worked: memory of all processes together, power as the
    driver averages it. None what it does not tell, as on a Jetson; nothing for an engine of the
    processor.
    """
    if not engine.endswith('-cuda') and engine != 'tensorrt':
        return {}
    command = ['nvidia-smi', f'--query-gpu={",".join(_ASKED)}', '--format=csv,noheader,nounits']
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return dict.fromkeys(_ASKED.values())
    values = [text.strip() for text in (said.splitlines() or [''])[0].split(',')]
    values += [''] * (len(_ASKED) - len(values))
    return {
        name: _number(text) if name.endswith(('_mb', '_w')) else text or None
        for name, text in zip(_ASKED.values(), values, strict=False)
    }


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # [N/A]
        return None
