"""One agent in its scene from above: what was known, what was predicted, what happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from prediction_node.domain.kinds import ATTRIBUTE_NAMES, VULNERABLE
from prediction_node.domain.lane_map import LaneKind, LaneMap, Polylines
from prediction_node.domain.lights import LightColour, LightStates
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.windows import Window

MIN_REACH_M = 25.0
MARGIN_M = 12.0
PREDICTED, TRUTH, OTHER, EGO, SUBJECT = '#1c8c3c', '#2257c4', '#9a9a9a', '#b3261e', '#e0a100'
_LAMPS = {
    LightColour.RED: '#d0021b',
    LightColour.AMBER: '#f5a623',
    LightColour.GREEN: '#2bb24c',
}
_PALE = {LaneKind.CROSSWALK: '#c9b458', LaneKind.WALKWAY: '#dcd6e8', LaneKind.BICYCLE: '#cde3d2'}


def draw_case(window: Window, prediction: Prediction, agent: int, title: str, path: Path) -> None:
    """The scene around row `agent` of the scene's agents, which the window must judge: its modes
    in green (the likelier the stronger), the truth in blue, its past in black.
    """
    scene = window.scene
    place = int(np.flatnonzero(window.judged == agent)[0])
    truth = window.truth_m[place][window.valid[place]]
    present = scene.agents.position_m[agent, :2]
    used = prediction.probability[agent] > 0.0
    modes = prediction.pose[agent, used, :, :2]
    shown = np.concatenate([present[None], truth, *modes])
    centre = 0.5 * (shown.min(axis=0) + shown.max(axis=0))
    reach = max(MIN_REACH_M, 0.5 * float(np.ptp(shown, axis=0).max()) + MARGIN_M)

    figure = Figure(figsize=(7.0, 7.2), layout='constrained')
    axes = figure.subplots()
    if scene.lane_map is not None:
        draw_map(axes, scene.lane_map, scene.lights, centre, 1.5 * reach)
    draw_bodies(axes, scene, agent)
    for mode, probability in zip(modes, prediction.probability[agent, used], strict=True):
        alpha = 0.2 + 0.8 * min(1.0, float(probability / prediction.probability[agent].max()))
        axes.plot(*mode.T, color=PREDICTED, lw=2.5, alpha=alpha, zorder=6)
        axes.annotate(
            f'{probability:.2f}', mode[-1], fontsize=7, color=PREDICTED, zorder=9, clip_on=True
        )
    axes.plot(*truth.T, color=TRUTH, lw=2.5, zorder=7)
    axes.plot(*truth[-1], 'o', color=TRUTH, ms=5, zorder=7)
    known = scene.history.valid[agent]
    axes.plot(*scene.history.position_m[agent, known].T, color='k', lw=1.5, zorder=5)
    axes.set_xlim(centre[0] - reach, centre[0] + reach)
    axes.set_ylim(centre[1] - reach, centre[1] + reach)
    axes.set_aspect('equal')
    axes.ticklabel_format(useOffset=False, style='plain')
    axes.tick_params(labelsize=7)
    axes.set_title(f'{title}\n{_reported(scene, agent)}', fontsize=9)
    figure.savefig(path, dpi=100)


def draw_map(
    axes: Axes, lane_map: LaneMap, lights: LightStates, centre: np.ndarray, reach_m: float
) -> None:
    """Lanes near the centre, stop lines, and the lamps that rule them."""
    near = [
        i
        for i in range(len(lane_map))
        if (np.abs(lane_map.centreline[i][:, :2] - centre) < reach_m).all(axis=1).any()
    ]
    for i in near:
        kind = LaneKind(int(lane_map.kind[i]))
        outline = np.concatenate(
            [lane_map.left_border[i][:, :2], lane_map.right_border[i][::-1, :2]]
        )
        axes.add_patch(Polygon(outline, color=_PALE.get(kind, '#ececec'), lw=0, zorder=0))
    borders = [
        _line(lines, i) for lines in (lane_map.left_border, lane_map.right_border) for i in near
    ]
    axes.add_collection(LineCollection(borders, colors='#b5b5b5', linewidths=0.6, zorder=1))
    stops = [_line(lane_map.stop_lines, i) for i in range(len(lane_map.stop_lines))]
    axes.add_collection(LineCollection(stops, colors='#555555', linewidths=1.5, zorder=2))
    for group, colour in zip(lights.group_id, lights.colour, strict=True):
        for row in np.flatnonzero(lane_map.light_group_id == group):
            for line in lane_map.light_stop_line[row]:
                lamp = _LAMPS.get(LightColour(int(colour)), '#666666')
                axes.plot(*_line(lane_map.stop_lines, int(line)).T, color=lamp, lw=3.5, zorder=3)


def draw_bodies(axes: Axes, scene: Scene, subject: int | None = None) -> None:
    """Boxes of all agents, of the robotaxi if there is one, and of the subject."""
    agents = scene.agents
    for k in range(len(agents)):
        own = k == subject
        colour = SUBJECT if own else OTHER
        box = _box(agents.position_m[k, :2], float(agents.yaw_rad[k]), agents.size_m[k])
        axes.add_patch(
            Polygon(box, facecolor=colour, edgecolor='k', lw=0.6, zorder=8 if own else 4)
        )
        if int(agents.label[k]) in [int(c) for c in VULNERABLE]:
            axes.plot(*agents.position_m[k, :2], '.', color='#7b3fb5', ms=4, zorder=5)
    if scene.ego.present:
        box = _box(scene.ego.centre_m, scene.ego.yaw_rad, scene.ego.size_m)
        axes.add_patch(Polygon(box, facecolor=EGO, edgecolor='k', lw=0.6, zorder=5))


def _box(centre: np.ndarray, yaw: float, size: np.ndarray) -> np.ndarray:
    along = 0.5 * size[0] * np.array([np.cos(yaw), np.sin(yaw)])
    across = 0.5 * size[1] * np.array([-np.sin(yaw), np.cos(yaw)])
    return np.array(
        [centre + along + across, centre - along + across, centre - along - across,
         centre + along - across]
    )  # fmt: skip


def _line(lines: Polylines, i: int) -> np.ndarray:
    return np.asarray(lines[i][:, :2])


def _reported(scene: Scene, agent: int) -> str:
    """Speed and the attributes that are reported."""
    agents = scene.agents
    said = [
        f'{name.replace("_", " ")} {agents.attributes[agent, k]:.2f}'
        for k, name in enumerate(ATTRIBUTE_NAMES)
        if agents.has_attribute[agent, k] and abs(agents.attributes[agent, k]) > 0.05
    ]
    return ', '.join([f'{agents.speed_mps[agent]:.1f} m/s', *said])
