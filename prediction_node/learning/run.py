"""One training from parameters to a folder: weights, checkpoints, curves."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from rich.console import Console
from torch import nn

from prediction_node.domain.errors import DataError, ParameterError
from prediction_node.domain.tensors import VERSION, Sizes
from prediction_node.domain.whole_file import write_whole
from prediction_node.learning.best import FILE as BEST
from prediction_node.learning.best import Best, adopt_weights, read_weights
from prediction_node.learning.checkpoint import (
    SavePoints,
    WholeFiles,
    newest_checkpoint,
)
from prediction_node.learning.data import (
    TrainingData,
    training_loader,
    validation_loader,
)
from prediction_node.learning.memory import keep_large_blocks
from prediction_node.learning.module import Learner
from prediction_node.learning.open_data import open_data
from prediction_node.learning.order import Order
from prediction_node.learning.parameters import TrainParameters
from prediction_node.learning.progress import Display
from prediction_node.learning.provenance import code_version
from prediction_node.network import Network, NetworkConfig

CHECKPOINTS = 'checkpoints'
PARAMETERS = 'parameters.json'


@dataclass(frozen=True)
class Trained:
    """What a finished training leaves; only the first process has all of it."""

    network: Network  # with the best averaged weights
    data: TrainingData
    record: dict[str, Any]
    step: int  # at which the best weights were
    first_process: bool


def train(parameters: TrainParameters, folder: Path, *, resume: bool, console: Console) -> Trained:
    """Train into `folder`, from the start or (`resume`) from where an earlier run was stopped.

    Raises DataError or ParameterError for data and parameters that do not fit, `checkpoint.Stopped`
    when SIGTERM came.
    """
    run = parameters.run
    keep_large_blocks()
    threads = run.threads or os.cpu_count() or 1
    torch.set_num_threads(max(1, threads // run.devices) if run.accelerator == 'cpu' else threads)
    pl.seed_everything(run.seed, verbose=False)
    _quieten()

    config = network_config(parameters)
    data = open_data(parameters, config)
    network = Network(config)
    if run.initial_weights:
        adopt_weights(network, Path(run.initial_weights))
    if run.only:
        train_only(network, run.only)
    processes = run.devices * run.machines
    lanes = processes * max(1, parameters.data.workers)
    record = _record(parameters, config, data, lanes)
    learner = Learner(network, parameters, step_s=data.sizes.step_s, record=record, loss=data.loss)
    checkpoint = _place(folder, resume)
    if checkpoint is None:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / PARAMETERS, json.dumps(record, indent=1) + '\n')
    first_step = checkpoint[1]['step'] if checkpoint else 0
    console.print(
        f'{len(data.train)} samples to learn from, {len(data.validation)} to validate on, '
        f'{sum(p.numel() for p in network.parameters()):,} parameters'
        + (f', going on after step {first_step}' if checkpoint else ''),
        highlight=False,
        soft_wrap=True,
    )
    best = Best(folder, run.monitor, {'network': json.dumps(record['network']), **_stamp(record)})
    trainer = _trainer(parameters, folder, best, first_step, console)
    order = Order(
        data.train_recording,
        batch_size=run.batch_size,
        lanes=lanes,
        open_recordings=parameters.data.open_recordings,
        seed=run.seed,
    )
    if not _finished(checkpoint, record):
        trainer.fit(
            learner,
            datamodule=_Feed(data, order, parameters),
            ckpt_path=str(checkpoint[0]) if checkpoint else None,
            weights_only=True,
        )
    step = 0
    if trainer.is_global_zero:
        if not (folder / BEST).is_file():
            raise DataError(f'{folder}: no validation gave a figure: no weights to keep')
        adopt_weights(network, folder / BEST)
        step = json.loads(read_weights(folder / BEST)[1]['validation'])['step']
    network.eval()
    return Trained(network, data, record, step, bool(trainer.is_global_zero))


def train_only(network: nn.Module, beginnings: Sequence[str]) -> None:
    """All parameters stay as they are but those whose names begin with one of `beginnings`.

    Raises ParameterError for a beginning that no parameter has.
    """
    names = [name for name, _ in network.named_parameters()]
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names):
            parts = sorted({'.'.join(name.split('.')[:2]) for name in names})
            raise ParameterError(
                f'run.only must name parts of the network ({", ".join(parts)}), got {beginning!r}'
            )
    for name, value in network.named_parameters():
        value.requires_grad_(name.startswith(tuple(beginnings)))


class _Feed(pl.LightningDataModule):
    """Loaders, made when the step to begin with is known."""

    def __init__(self, data: TrainingData, order: Order, parameters: TrainParameters) -> None:
        super().__init__()
        self._data, self._order, self._parameters = data, order, parameters

    def train_dataloader(self) -> Any:
        trainer = self.trainer
        assert trainer is not None
        return training_loader(
            self._data,
            self._order,
            start=trainer.global_step,
            rank=trainer.global_rank,
            processes=trainer.world_size,
            workers=self._parameters.data.workers,
        )

    def val_dataloader(self) -> Any:
        trainer, parameters = self.trainer, self._parameters
        assert trainer is not None
        return validation_loader(
            self._data.validation,
            batch_size=parameters.run.batch_size,
            limit=parameters.data.validation_limit,
            rank=trainer.global_rank,
            processes=trainer.world_size,
            workers=parameters.data.workers,
        )


def network_config(parameters: TrainParameters) -> NetworkConfig:
    """The network that the parameters ask for. Raises ParameterError naming what is wrong."""
    values = dict(parameters.network)
    sizes = dict(values.pop('sizes', {}))
    sizes = {'agents': parameters.data.agents, 'map_nodes': parameters.data.map_nodes, **sizes}
    use_raster = values.pop('use_raster', True)
    if use_raster and parameters.data.kind == 'samples':
        from prediction_node.raster.manifest import CHANNELS

        sizes.setdefault('channels', len(CHANNELS))
        values.setdefault('raster_offset', tuple(channel.offset for channel in CHANNELS))
    try:
        return NetworkConfig(sizes=Sizes(**sizes), **values)
    except (TypeError, ValueError) as problem:
        raise ParameterError(f'network: {problem}') from None


def _trainer(
    parameters: TrainParameters, folder: Path, best: Best, first_step: int, console: Console
) -> pl.Trainer:
    run = parameters.run
    callbacks: list[pl.Callback] = [
        Display(console, run.steps, run.minutes, run.batch_size),
        best,
        SavePoints(folder / CHECKPOINTS, 60.0 * run.save_every_min),
    ]
    if run.patience:
        callbacks.insert(2, EarlyStopping(run.monitor, patience=run.patience, mode='min'))
    several = run.devices * run.machines > 1
    # Not every part of the network has a gradient for every batch: a batch may have no map.
    strategy: Any = 'auto'
    if several:
        backend = 'gloo' if run.accelerator == 'cpu' else None
        strategy = DDPStrategy(find_unused_parameters=True, process_group_backend=backend)
    # Entries after the step that is gone on from would appear twice.
    logger = TensorBoardLogger(folder, name='', version='curves', purge_step=first_step or None)
    return pl.Trainer(
        accelerator=run.accelerator,
        devices=run.devices,
        num_nodes=run.machines,
        strategy=strategy,
        precision=run.precision,
        max_steps=run.steps,
        max_epochs=-1,
        val_check_interval=run.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        gradient_clip_val=parameters.optimizer.gradient_clip or None,
        log_every_n_steps=run.log_every,
        logger=logger,
        callbacks=callbacks,
        plugins=[WholeFiles()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=str(folder),
    )


def _record(
    parameters: TrainParameters, config: NetworkConfig, data: TrainingData, lanes: int
) -> dict[str, Any]:
    """What a checkpoint says about its origin, as plain values."""
    shapes = json.dumps(
        [lanes, parameters.run.batch_size, parameters.run.seed, parameters.data.open_recordings]
    )
    record = {
        'code': code_version(),
        'contract': VERSION,
        'digest': data.digest,
        'network': config.as_dict(),
        'sizes': dataclasses.asdict(data.sizes),
        'parameters': parameters.as_dict(),
        'sources': dict(data.sources),
        'order': hashlib.sha256(shapes.encode()).hexdigest()[:16],
    }
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return plain


def _stamp(record: dict[str, Any]) -> dict[str, str]:
    return {'code': record['code'], 'data': record['digest'], 'contract': str(record['contract'])}


def _place(folder: Path, resume: bool) -> tuple[Path, dict[str, Any]] | None:
    """The checkpoint to go on from. Raises DataError if a new run would overwrite another."""
    found = newest_checkpoint(folder / CHECKPOINTS)
    if found is not None and not resume and _is_first_process():
        raise DataError(
            f'{folder} holds a training (step {found[1]["step"]}): --resume goes on with it, '
            'or choose another folder'
        )
    return found if resume else None


def _is_first_process() -> bool:
    """Of torchrun, of SLURM, or of those that Lightning starts: the others may find what it has
    saved already.
    """
    return all(os.environ.get(name, '0') == '0' for name in ('RANK', 'LOCAL_RANK', 'SLURM_PROCID'))


def _finished(checkpoint: tuple[Path, dict[str, Any]] | None, record: dict[str, Any]) -> bool:
    """Did the run that left the checkpoint come to its end, which has not been moved since?"""
    if checkpoint is None or not checkpoint[1].get('finished'):
        return False
    before, now = checkpoint[1]['parameters']['run'], record['parameters']['run']
    return all(before[name] == now[name] for name in ('steps', 'minutes', 'patience'))


def _quieten() -> None:
    """Leave out what Lightning says about itself; what it warns about the user's set-up stays."""
    logging.getLogger('lightning.pytorch').setLevel(logging.WARNING)
    warnings.filterwarnings('ignore', message='.*does not have many workers.*')
    # The averaged weights never train.
    warnings.filterwarnings('ignore', message='.*in eval mode at the start of training.*')
    warnings.filterwarnings('ignore', message='.*LeafSpec.*is deprecated.*')
    warnings.filterwarnings('ignore', message='.*find_unused_parameters=True was specified.*')
