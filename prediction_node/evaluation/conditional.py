"""Does knowing the robotaxi's plan help to predict those whom it can affect?

The same weights answer three times: without a plan, given what the robotaxi really did, and given
what one did at another moment (placebo).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, runtime_checkable

import numpy as np

from prediction_node.domain.conditional import Conditioned, EgoPlan
from prediction_node.domain.errors import DataError
from prediction_node.domain.prediction import Prediction
from prediction_node.domain.relations import AFFECTED, UNAFFECTED, Relation, relations
from prediction_node.domain.scene import Scene
from prediction_node.evaluation.bootstrap import relative_gain
from prediction_node.evaluation.engines import Choice, EngineSpec
from prediction_node.evaluation.judging import HEADLINE_S
from prediction_node.evaluation.ngsim import Progress, Site, silent
from prediction_node.evaluation.sample_windows import spread_indices, store_windows
from prediction_node.evaluation.turns import PLAN_STEPS, Placebos, turns
from prediction_node.evaluation.windows import Window
from prediction_node.learning.folds import group_name
from prediction_node.learning.samples import SampleStore
from prediction_node.metrics import is_moving, score

NO_PLAN, TRUE_PLAN, PLACEBO = 'no_plan', 'true_plan', 'placebo'
ARMS = (NO_PLAN, TRUE_PLAN, PLACEBO)
METRICS = ('fde', 'ade', 'min_fde', 'nll')
GAINS = ('fde', 'ade', 'min_fde')


@runtime_checkable
class AsksBack(Protocol):
    """An engine that answers with and without a plan."""

    name: str

    def predict(self, scene: Scene) -> Prediction: ...

    def condition(self, plans: tuple[EgoPlan, ...]) -> tuple[Conditioned, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """R agents judged in all three arms at 5 s."""

    errors: np.ndarray  # (R, arm, metric)
    reaction_m: np.ndarray  # (R, 2) by the true plan and by placebos, on average
    relation: np.ndarray  # (R,) Relation
    moving: np.ndarray  # (R,) bool
    group: np.ndarray  # (R,) str

    @classmethod
    def joined(cls, parts: Sequence[Arms]) -> Arms:
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def __len__(self) -> int:
        return len(self.group)


def ask(engine: AsksBack, window: Window, placebos: Sequence[EgoPlan]) -> Arms | None:
    """Judge one window in three arms; None where nobody's next five seconds are known. What the
    placebos do is the mean over them.

    Raises ValueError for a window without a robotaxi's plan.
    """
    plan = window.driven
    if plan is None:
        raise ValueError(f'{window.recording}: what the robotaxi did next is not known')
    known = window.valid[:, PLAN_STEPS - 1]
    rows = window.judged[known]
    if not len(rows):
        return None
    scene = window.scene
    without = engine.predict(scene)
    given, *others = engine.condition((plan, *placebos))
    truth, valid = window.truth_m[known], window.valid[known]
    without_m, given_m, *others_m = (
        _errors(prediction, rows, truth, valid)
        for prediction in (without, given.prediction, *(each.prediction for each in others))
    )
    reactions = [each.reaction_m[rows] for each in others]
    present = scene.agents.position_m[rows, :2]
    until = valid.copy()
    until[:, PLAN_STEPS:] = False
    return Arms(
        errors=np.stack([without_m, given_m, np.mean(others_m, axis=0)], axis=1),
        reaction_m=np.stack([given.reaction_m[rows], np.mean(reactions, axis=0)], axis=1),
        relation=relations(scene.ego, plan, present, scene.agents.yaw_rad[rows], truth),
        moving=is_moving(present, truth, until),
        group=np.full(len(rows), window.group, dtype=object).astype(str),
    )


def _errors(
    prediction: Prediction, rows: np.ndarray, truth: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    scores = score(
        prediction.pose[rows][:, :, 1:, :2],
        prediction.probability[rows],
        truth,
        valid,
        (HEADLINE_S,),
        sigma=prediction.sigma[rows][:, :, 1:],
    )
    return np.stack([scores[name][:, 0] for name in METRICS], axis=-1)


def site_arms(site: Site, engine: Choice, progress: Progress = silent) -> Arms:
    """All vehicles of a recorded site take their turns; each group by a model blind to it."""
    groups = [site.names(g) for g in range(len(site.members))]

    def turns_of(files: Iterable[int], names: Sequence[str]) -> Iterator[Window]:
        for file in files:
            yield from turns(*site.recordings[file], group_name(names))

    pairs = list(zip(site.members, groups, strict=True))
    placebos = placebos_of(w for files, names in pairs for w in turns_of(files, names))
    bare, parts, done = _Bare(), [], 0
    for files, names in pairs:
        spec = engine.spec_for(names)
        for window in turns_of(files, names):
            progress(f'asking {site.name}', done, len(placebos))
            done += 1
            if _affects_somebody(window):
                arms = ask(bare.engine(spec), window, placebos.of(window))
                parts.extend([] if arms is None else [arms])
    progress(f'asking {site.name}', done, len(placebos))
    return _joined(parts, site.name)


def _affects_somebody(window: Window) -> bool:
    """Others are compared in the same windows."""
    plan = window.driven
    if plan is None:
        return False
    scene, rows = window.scene, window.judged
    agents = scene.agents
    found = relations(
        scene.ego, plan, agents.position_m[rows, :2], agents.yaw_rad[rows], window.truth_m
    )
    return bool(np.isin(found, [int(each) for each in AFFECTED]).any())


def store_arms(
    store: SampleStore, engine: Choice, limit: int | None = None, progress: Progress = silent
) -> Arms:
    """The robotaxi of every sample that drives on for five seconds."""
    indices = spread_indices(store, limit)

    def drives_on(window: Window) -> bool:
        return window.driven is not None and len(window.driven.after_s) > PLAN_STEPS

    placebos = placebos_of(filter(drives_on, store_windows(store, indices)))
    bare, parts = _Bare(), []
    for done, window in enumerate(store_windows(store, indices)):
        progress('asking', done, len(indices))
        if drives_on(window) and len(window.scene.agents):
            spec = engine.spec_for([window.recording, window.group])
            arms = ask(bare.engine(spec), window, placebos.of(window))
            parts.extend([] if arms is None else [arms])
    progress('asking', len(indices), len(indices))
    return _joined(parts, str(store.folder))


def placebos_of(windows: Iterable[Window]) -> Placebos:
    """All that robotaxis did in these windows."""
    return Placebos([(w.group, w.scene.stamp_ns, w.driven) for w in windows if w.driven])


def _joined(parts: Sequence[Arms], what: str) -> Arms:
    if not parts:
        raise DataError(f'{what} holds no robotaxi that drives on for 5 s with others around it')
    return Arms.joined(parts)


class _Bare:
    """Engines that can be asked back, built when first wanted."""

    def __init__(self) -> None:
        self._built: dict[EngineSpec, AsksBack] = {}

    def engine(self, spec: EngineSpec) -> AsksBack:
        if spec not in self._built:
            engine = spec.build_bare()
            if not isinstance(engine, AsksBack):
                raise DataError(f'engine {spec.name} answers no conditional questions')
            self._built.clear()  # one model in memory: groups come fold by fold or all mixed
            self._built[spec] = engine
        return self._built[spec]


def figures(arms: Arms) -> dict[str, Any]:
    """By relation, and of all affected and all unaffected: arms, gains with intervals."""
    sets: dict[str, Callable[[], np.ndarray]] = {
        'affected': lambda: np.isin(arms.relation, [int(r) for r in AFFECTED]),
        'unaffected': lambda: np.isin(arms.relation, [int(r) for r in UNAFFECTED]),
    }
    result = {name: _of(arms, rows() & arms.moving) for name, rows in sets.items()}
    for relation in Relation:
        rows = (arms.relation == int(relation)) & arms.moving
        result[relation.name.lower()] = _of(arms, rows)
    return result


def _of(arms: Arms, rows: np.ndarray) -> dict[str, Any]:
    if not rows.any():
        return {'agents': 0}
    errors, group = arms.errors[rows], arms.group[rows]
    means = errors.mean(axis=0)
    result: dict[str, Any] = {
        'agents': int(rows.sum()),
        'groups': len(np.unique(group)),
        **{
            arm: {name: float(means[a, m]) for m, name in enumerate(METRICS)}
            for a, arm in enumerate(ARMS)
        },
    }
    for a, arm in ((1, TRUE_PLAN), (2, PLACEBO)):
        result[f'gain_of_{arm}'] = {
            name: relative_gain(
                errors[:, a, METRICS.index(name)], errors[:, 0, METRICS.index(name)], group
            ).as_dict()
            for name in GAINS
        }
        result[arm]['reaction_m'] = float(arms.reaction_m[rows, a - 1].mean())
    return result
