"""/diagnostics: how the cycle, each source and the map are doing, and why."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from prediction_node.conditional.desk import Desk
from prediction_node.observation.health import InputHealth, State
from prediction_node.pipeline import LOST, NOMINAL, Pipeline, Release
from prediction_node.ros.boundary import ErrorBoundary
from prediction_node.ros.statistics import CycleStatistics
from prediction_node.scorecard.scorecard import Scorecard

_OK, _WARN, _ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Diagnostics:
    """Publishes one status for the cycle, one per source, one for the map, one for the planner's
    requests once there are any, and one for the node's score of itself.
    """

    def __init__(self, node: Node, statistics: CycleStatistics, boundary: ErrorBoundary) -> None:
        self._node = node
        self._statistics, self._boundary = statistics, boundary
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def failed_configure(self, reason: str) -> None:
        """Say why the node could not be configured."""
        self._publish([_status('configure', _ERROR, reason, {})])

    def failed_cycle(self, reason: str, pipeline: Pipeline) -> None:
        """Say why there was no release when one was due."""
        values: dict[str, Any] = {
            'cycles': self._statistics.cycles,
            'misses': self._statistics.misses,
            'engine_faults': pipeline.engine.faults,
            **_errors(self._boundary),
        }
        self._publish([_status('cycle', _ERROR, f'no prediction: {reason}', values)])

    def publish(
        self, release: Release, pipeline: Pipeline, scorecard: Scorecard | None = None
    ) -> None:
        """Say how the release went, and all that it was made of."""
        statuses = [_cycle(release, pipeline, self._statistics, self._boundary)]
        health = release.health
        statuses += [_input(source) for source in (*health.sources, health.odometry)]
        optional = (health.transforms, health.traffic_lights)
        statuses += [_input(each) for each in optional if each.state is not State.NEVER_SEEN]
        statuses.append(_map(pipeline))
        if pipeline.desk.requests:
            statuses.append(_conditional(pipeline.desk))
        if scorecard is not None:
            statuses.append(_scorecard(scorecard))
        self._publish(statuses)

    def _publish(self, statuses: list[DiagnosticStatus]) -> None:
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name().strip('/')
        for status in statuses:
            status.name = f'{name}: {status.name}'
            status.hardware_id = name
        message.status = statuses
        self._publisher.publish(message)


def _status(name: str, level: bytes, text: str, values: dict[str, Any]) -> DiagnosticStatus:
    status = DiagnosticStatus(name=name, level=level, message=text)
    status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return status


def _cycle(
    release: Release, pipeline: Pipeline, statistics: CycleStatistics, boundary: ErrorBoundary
) -> DiagnosticStatus:
    p50, p99 = statistics.percentiles_ms()
    values: dict[str, Any] = {
        'mode': release.mode,
        'stamp_ns': release.stamp_ns,
        'engine': release.prediction.engine,
        'cycles': statistics.cycles,
        'misses': statistics.misses,
        'response_p50_ms': f'{p50:.1f}',
        'response_p99_ms': f'{p99:.1f}',
        'agents': len(release.agents),
        'predicted': len(release.prediction.agents),
        'shed': release.shed,
        'agent_limit': pipeline.agent_limit,
        'engine_faults': pipeline.engine.faults,
    }
    if pipeline.draws_elsewhere:
        values['raster'] = 'drawn on the GPU'
    values |= {f'{part}_ms': f'{ms:.1f}' for part, ms in release.timings_ms.items()}
    values |= _errors(boundary)
    reasons = list(release.reasons)
    level = _OK
    if release.mode != NOMINAL or boundary.errors:
        level = _ERROR if release.mode == LOST else _WARN
    if release.shed:
        reasons.append(f'{release.shed} agents of least risk left out')
        level = max(level, _WARN)
    return _status('cycle', level, '; '.join(reasons) or release.mode, values)


def _errors(boundary: ErrorBoundary) -> dict[str, Any]:
    return {f'callback_errors.{name}': n for name, n in sorted(boundary.errors.items())}


def _input(health: InputHealth) -> DiagnosticStatus:
    values: dict[str, Any] = {
        'state': health.state,
        'lost': health.lost,
        'received': health.received,
        'accepted': health.accepted,
        'objects_received': health.objects_received,
    }
    if health.modality is not None:
        values['modality'] = health.modality.name.lower()
    figures = {
        'rate_hz': health.rate_hz,
        'silence_s': health.silence_s,
        'delay_s': health.delay_s,
    }
    values |= {name: f'{value:.3f}' for name, value in figures.items() if value is not None}
    values |= {f'refused.{reason}': n for reason, n in health.refused.items()}
    values |= {f'objects_refused.{reason}': n for reason, n in health.objects_refused.items()}
    if health.detail:
        values['last_refusal'] = health.detail
    if health.state is State.OK:
        return _status(f'input {health.name}', _OK, 'ok', values)
    text = f'{health.name} is {health.state}' + (', lost' if health.lost else '')
    return _status(f'input {health.name}', _WARN, text, values)


def _map(pipeline: Pipeline) -> DiagnosticStatus:
    lane_map = pipeline.lane_map
    values = {
        'lanelets': len(lane_map) if lane_map else 0,
        'source': lane_map.source if lane_map else '',
    }
    if pipeline.map_error:
        return _status('map', _ERROR, f'map message refused: {pipeline.map_error}', values)
    if lane_map is None:
        return _status('map', _WARN, 'no map: predictions do not follow lanes', values)
    text = f'{len(lane_map.warnings)} warnings' if lane_map.warnings else 'ok'
    return _status('map', _OK, text, values)


def _conditional(desk: Desk) -> DiagnosticStatus:
    values: dict[str, Any] = {
        'requests': desk.requests,
        'answered': desk.answered,
        'took_ms': f'{desk.took_ms:.1f}',
    }
    values |= {f'refused.{reason}': n for reason, n in sorted(desk.refused.items())}
    if desk.last_refusal is not None:
        values['last_refusal'] = desk.last_refusal
    if not desk.newest_refused:
        return _status('conditional', _OK, 'ok', values)
    text = f'{desk.newest_refused} of the newest refused: {desk.last_refusal}'
    return _status('conditional', _WARN, text, values)


def _scorecard(scorecard: Scorecard) -> DiagnosticStatus:
    """Means by class and horizon, e.g. `car.3s.fde_m`; always OK: figures judge nothing."""
    values: dict[str, Any] = {'scored': scorecard.predictions.total}
    named = {'all': scorecard.predictions.overall(), **scorecard.predictions.figures()}
    for prefix, figures in (*named.items(), ('conditional', scorecard.conditional.overall())):
        for horizon, cell in figures.items():
            values |= {f'{prefix}.{horizon}.{name}': value for name, value in cell.items()}
    three = named['all'].get('3s')
    text = (
        'nothing scored yet'
        if three is None
        else (
            f'{three["fde_m"]:.2f} m off after 3 s, constant velocity '
            f'{three["constant_velocity_fde_m"]:.2f} m'
        )
    )
    return _status('scorecard', _OK, text, values)
