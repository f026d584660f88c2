"""Run the programs of a step and show what they do in one line; a log keeps all they print."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

REFRESH_S = 0.5
QUIET_REFRESH_S = 20.0
WIDTH = 100
# Words of a failed program that say more than its exit status: (pattern, sentence).
CAUSES = (
    (r'No space left on device', 'the disk is full'),
    (
        r'NewConnectionError|name resolution|Network is unreachable|Connection refused|SSLError',
        'the package registry cannot be reached: check the network, or the proxy and index of pip',
    ),
    (
        r'requirement (\S+) \(from versions: none\)',
        'the package registry has no {0} at all or cannot be reached: check the network and pip',
    ),
    (
        r'No matching distribution found for (\S+)',
        'the package registry has no {0} for this Python and machine',
    ),
    (r'fatal error: (\S+): No such file', 'the header {0} is missing'),
    (r'Killed|cannot allocate memory', 'the machine ran out of memory'),
)


class StepFailed(Exception):
    """A program of a step failed; the message is the sentence to print."""


class Step:
    """The line of one step: a running clock on a terminal, plain lines elsewhere."""

    def __init__(self, number: int, count: int, title: str, output: TextIO | None = None) -> None:
        self._head = f'[{number}/{count}] {title}'
        self._output = sys.stderr if output is None else output
        self._live = self._output.isatty()
        self._started = time.monotonic()
        self._shown = float('-inf')
        self._last = ''

    def __enter__(self) -> Step:
        self.show('')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        outcome = (
            'done' if kind is None else 'interrupted' if kind is KeyboardInterrupt else 'failed'
        )
        start = '\r\x1b[K' if self._live else ''
        self._output.write(f'{start}{self._head}: {outcome} in {self.elapsed_s:.1f} s\n')
        self._output.flush()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def show(self, activity: str) -> None:
        """Tell what is going on; often on a terminal, seldom and only when it changed elsewhere."""
        self._last = activity or self._last
        interval = REFRESH_S if self._live else QUIET_REFRESH_S
        if time.monotonic() - self._shown < interval:
            return
        self._shown = time.monotonic()
        line = f'{self._head} {self.elapsed_s:4.0f} s  {self._last}'.rstrip()
        if self._live:
            self._output.write(f'\r\x1b[K{line[:WIDTH]}')
        else:
            self._output.write(f'{line}\n')
        self._output.flush()


def run(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    log: Path,
    step: Step,
    summarise: Callable[[str], str] = str.strip,
) -> None:
    """Run to the end. Raises StepFailed naming cause and log; Ctrl-C ends the program too."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: queue.Queue[str | None] = queue.Queue()
    with log.open('a', encoding='utf-8', buffering=1) as record:
        record.write('$ ' + ' '.join(command) + '\n')
        with subprocess.Popen(
            command,
            env={**environ, 'PYTHONUNBUFFERED': '1'},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors='replace',
            close_fds=False,
        ) as process:
            assert process.stdout is not None
            reader = threading.Thread(target=_drain, args=(process.stdout, lines), daemon=True)
            reader.start()
            printed: list[str] = []
            try:
                while (line := _next_line(lines, step)) is not None:
                    record.write(line)
                    printed.append(line)
                    step.show(summarise(line))
            except BaseException:
                process.terminate()
                raise
    if process.returncode != 0:
        raise StepFailed(f'{likely_cause(printed, process.returncode)}; all output is in {log}')


def _drain(stream: TextIO, lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _next_line(lines: queue.Queue[str | None], step: Step) -> str | None:
    """Wait for a line, keeping the clock on the terminal running."""
    while True:
        try:
            return lines.get(timeout=REFRESH_S)
        except queue.Empty:
            step.show('')


def likely_cause(printed: Sequence[str], status: int) -> str:
    """Why a program failed: a known cause, else its last line with an error, else its status."""
    text = ''.join(printed)
    for pattern, sentence in CAUSES:
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            return sentence.format(*match.groups())
    errors = [line.strip() for line in printed if re.search(r'\berror\b', line, re.IGNORECASE)]
    return errors[-1] if errors else f'the program ended with status {status}'
