"""Who predicts, and who stands in: every engine behind its guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from prediction_node.conditional.unconditional import Unconditional
from prediction_node.config import Config
from prediction_node.inference.constant_velocity import ConstantVelocityEngine
from prediction_node.inference.guard import AnsweringEngine, Engine, Guarded
from prediction_node.inference.kinematic.engine import KinematicEngine

if TYPE_CHECKING:
    from prediction_node.predictor import LearnedEngine

_PLANS_TOGETHER = 8  # between two looks at the clock: 50 ms on a small processor


def learned_engine(config: Config, kinematic: KinematicEngine) -> LearnedEngine | None:
    """The learned engine if the parameters want one; `kinematic` makes its proposals.

    Raises PredictionNodeError naming the file where the model is missing or wrong.
    """
    if config.engine.name == 'kinematic':
        return None
    # Only who uses the network needs its runtime.
    from prediction_node.predictor import load_engine

    return load_engine(config.engine.model_path, config, kinematic)


def guarded(engine: Engine | None, kinematic: KinematicEngine) -> Guarded:
    """The kinematic predictor stands in for any other in the same cycle, constant velocity for
    everybody. `engine` None: the kinematic predictor itself.
    """
    last = Guarded(Unconditional(kinematic), Unconditional(ConstantVelocityEngine()))
    return last if engine is None else Guarded(_answering(engine), last)


def _answering(engine: Engine) -> AnsweringEngine:
    """The engine itself if it answers questions."""
    if hasattr(engine, 'asking'):
        return cast('AnsweringEngine', engine)
    return Unconditional(engine)


def plans_together(config: Config) -> int | None:
    """Plans of a request that are answered in one part at most; None: all. A GPU holds one scene,
    the newest, and answers all of them at once.
    """
    on_gpu = config.engine.name == 'tensorrt' or config.engine.device != 'cpu'
    return None if on_gpu else _PLANS_TOGETHER
