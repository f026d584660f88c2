"""What a bulk run has to tell when it is over."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.whole_file import write_whole
from prediction_node.generation.report import Failed, Outcome, SceneReport

SUMMARY = 'summary.json'
_SHOWN = 10  # failures


@dataclass
class Summary:
    """Counts over the scenes of one run; `add` and `add_earlier` take them as they come."""

    asked: int
    written: int = 0
    earlier: int = 0  # of those, finished by an earlier run
    failed: list[Failed] = field(default_factory=list)
    windows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # reason: windows
    agents: Counter[str] = field(default_factory=Counter)  # class: road users
    counts: Counter[str] = field(default_factory=Counter)  # what the world smoothed
    scenarios: Counter[str] = field(default_factory=Counter)
    agent_seconds: float = 0.0  # made by this run
    cpu_s: float = 0.0  # spent by this run, windows thrown away and failures included

    def add_earlier(self, report: SceneReport) -> None:
        self.earlier += 1
        self._count(report)

    def add(self, outcome: Outcome) -> None:
        self.cpu_s += outcome.cpu_s
        if isinstance(outcome, Failed):
            self.failed.append(outcome)
            return
        self.agent_seconds += outcome.report.agent_seconds
        self._count(outcome.report)

    def _count(self, report: SceneReport) -> None:
        self.written += 1
        self.windows += 1 + len(report.rejected)
        self.rejected.update(_kind(each.reason) for each in report.rejected)
        self.agents.update(report.agents)
        self.counts.update(report.counts)
        self.scenarios[report.scenario] += 1

    @property
    def missing_classes(self) -> list[str]:
        """Classes that no scene has; unknown is none."""
        return [name for name in CLASS_NAMES[1:] if not self.agents[name]]

    @property
    def rejected_share(self) -> float:
        return sum(self.rejected.values()) / max(self.windows, 1)

    @property
    def agent_seconds_per_cpu_s(self) -> float | None:
        """None if this run has made nothing."""
        return self.agent_seconds / self.cpu_s if self.agent_seconds else None

    def as_dict(self) -> dict[str, Any]:
        rate = self.agent_seconds_per_cpu_s
        return {
            'asked': self.asked,
            'written': self.written,
            'written_earlier': self.earlier,
            'failed': [{'seed': each.seed, 'reason': each.reason} for each in self.failed],
            'windows': self.windows,
            'rejected_share': round(self.rejected_share, 4),
            'rejected': dict(sorted(self.rejected.items())),
            'agents': {name: self.agents[name] for name in CLASS_NAMES if self.agents[name]},
            'smoothed': dict(sorted(self.counts.items())),
            'scenarios': dict(sorted(self.scenarios.items())),
            'agent_seconds': round(self.agent_seconds, 1),
            'cpu_s': round(self.cpu_s, 2),
            'agent_seconds_per_cpu_s': None if rate is None else round(rate),
        }

    def write(self, folder: Path) -> None:
        """`folder`/summary.json. Raises DataError."""
        write_whole(folder / SUMMARY, json.dumps(self.as_dict(), indent=1) + '\n', durable=False)

    def print(self, console: Console) -> None:
        earlier = f', {self.earlier} of them by an earlier run' if self.earlier else ''
        lines = [f'{self.written} of {self.asked} scenes written{earlier}']
        reasons = ', '.join(f'{reason} ({n})' for reason, n in self.rejected.most_common())
        lines.append(
            f'{sum(self.rejected.values())} of {self.windows} windows rejected '
            f'({100.0 * self.rejected_share:.1f} %)' + (f': {reasons}' if reasons else '')
        )
        agents = ', '.join(f'{self.agents[n]} {n}' for n in CLASS_NAMES if self.agents[n])
        lines.append(f'road users: {agents or "none"}')
        if self.counts:
            smoothed = ', '.join(f'{name} {n}' for name, n in sorted(self.counts.items()))
            lines.append(f'counts of the simulator: {smoothed}')
        rate = self.agent_seconds_per_cpu_s
        if rate is not None:
            lines.append(
                f'{self.agent_seconds:.0f} agent-seconds in {self.cpu_s:.1f} CPU-seconds: '
                f'{rate:.0f} per CPU-second'
            )
        for line in lines:
            console.print(escape(line), highlight=False, soft_wrap=True)
        for failed in self.failed[:_SHOWN]:
            text = f'[bold red]failed:[/] seed {failed.seed}: {escape(failed.reason)}'
            console.print(text, highlight=False, soft_wrap=True)
        if len(self.failed) > _SHOWN:
            console.print(f'... and {len(self.failed) - _SHOWN} more', highlight=False)


def _kind(reason: str) -> str:
    """A reason without what follows its colon, where the particulars of one window stand."""
    return reason.split(':')[0]
