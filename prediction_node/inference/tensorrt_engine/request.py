"""What kind of engine is wanted, and what it must be built from to be the right one."""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass

from prediction_node.domain.errors import EngineError
from prediction_node.domain.model_folder import DECODER, ENCODER, ModelFolder
from prediction_node.domain.tensors import VERSION, Sizes
from prediction_node.inference.tensorrt_engine.device import Device
from prediction_node.inference.tensorrt_engine.flavour import Flavour

EIGHT_BITS = ('int8', 'fp8')  # of models that `quantise` wrote
PRECISIONS = ('fp16', 'fp32', *EIGHT_BITS)
AGENT_SIZES = (64, 256)  # that engines are built for
DEFAULT_PRECISION = 'fp16'
DEFAULT_CANDIDATES, MOST_CANDIDATES = 16, 64
# To be raised when build.py or half.py make another engine from the same request, or something
# else is kept beside it.
RECIPE = 2


# In the provenance of a model that `quantise` wrote.
QUANTISED = 'quantised'


def quantised_as(folder: ModelFolder) -> str:
    """One of EIGHT_BITS where its files say what is to be computed so; empty: they do not."""
    said = folder.provenance.get(QUANTISED)
    return '' if said is None else str(said.get('precision', EIGHT_BITS[0]))


def default_precision(folder: ModelFolder) -> str:
    """Of the engine that the node asks for."""
    return quantised_as(folder) or DEFAULT_PRECISION


@dataclass(frozen=True)
class Request:
    """An engine's sizes and precision."""

    precision: str = DEFAULT_PRECISION
    agents: int = AGENT_SIZES[0]
    map_nodes: int = 192
    candidates: int = DEFAULT_CANDIDATES  # most plans in a batch; fewer are always taken

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise EngineError(f'precision must be one of {PRECISIONS}, got {self.precision}')
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise EngineError(f'candidates must be 1 to {MOST_CANDIDATES}, got {self.candidates}')
        if self.agents < 2:
            raise EngineError(f'agents must be at least 2, got {self.agents}')

    def sizes(self, folder: ModelFolder) -> Sizes:
        """Of the arrays that go in and out; none of the map where the network reads none."""
        nodes = self.map_nodes if folder.sizes.map_nodes else 0
        return folder.with_sizes(agents=self.agents, map_nodes=nodes)


@dataclass(frozen=True)
class EngineKey:
    """All that must be equal for a kept engine to be the one that is wanted."""

    encoder: str  # SHA-256 of the exported files
    decoder: str
    contract: int
    raster_manifest: str
    flavour: str
    flavour_version: str
    gpu: str
    compute_capability: str
    driver: str
    machine: str
    precision: str
    agents: int
    map_nodes: int
    candidates: int
    recipe: int

    @classmethod
    def of(
        cls, folder: ModelFolder, request: Request, flavour: Flavour, device: Device
    ) -> EngineKey:
        """Raises EngineError where the model names no exported files."""
        for name in (ENCODER, DECODER):
            if name not in folder.files:
                raise EngineError(f'{folder.path}: the model names no {name}')
        return cls(
            encoder=folder.files[ENCODER],
            decoder=folder.files[DECODER],
            contract=VERSION,
            raster_manifest=folder.raster_manifest or '',
            flavour=flavour.name,
            flavour_version=flavour.version,
            gpu=device.name,
            compute_capability=device.compute_capability,
            driver=device.driver,
            machine=platform.machine(),
            precision=request.precision,
            agents=request.agents,
            map_nodes=request.sizes(folder).map_nodes,
            candidates=request.candidates,
            recipe=RECIPE,
        )

    def as_dict(self) -> dict[str, str | int]:
        return dataclasses.asdict(self)
