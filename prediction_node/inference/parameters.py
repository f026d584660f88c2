"""Which engine predicts."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_node.domain.parameter import check, parameter


@dataclass(frozen=True, slots=True)
class EngineParameters:
    """Who predicts."""

    name: str = parameter(
        'onnx',
        'Predictor: learned (onnx on the CPU; tensorrt on the GPU, relieved by onnx), or by rules '
        '(kinematic), which is the fallback of both.',
        choices=('kinematic', 'onnx', 'tensorrt'),
        fixed_after_configure=True,
    )
    model_path: str = parameter(
        '',
        'Folder of the learned model, or the name of a shipped one; empty: the shipped one.',
        fixed_after_configure=True,
    )
    device: str = parameter(
        'cpu',
        'Where ONNX Runtime works, also where it relieves tensorrt: cpu, or cuda with '
        'onnxruntime-gpu in place of onnxruntime.',
        choices=('cpu', 'cuda'),
        fixed_after_configure=True,
    )

    def __post_init__(self) -> None:
        check(self, 'engine.')
