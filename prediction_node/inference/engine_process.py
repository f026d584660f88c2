"""A network in a process of its own: what goes wrong on a device ends there, not in the node.

An illegal access leaves a process without CUDA for the rest of its life, and a call that hangs
cannot be called back: both cost the engine's process, which is killed and started anew. Arrays
travel through shared memory; a pipe carries the words.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Mapping
from multiprocessing import get_context, resource_tracker, shared_memory
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from prediction_node.domain.errors import EngineError
from prediction_node.domain.sketch import (
    CHANNELS,
    NO_CHANGES,
    TILE_TYPE,
    TILES,
    Drawing,
    DrawnArrays,
    filled_tiles,
    sketch_type,
)
from prediction_node.domain.tensors import (
    DECODER_INPUTS,
    OUTPUTS,
    RASTERS,
    Arrays,
    Sizes,
    Tensor,
    check_arrays,
    encoder_inputs,
)
from prediction_node.inference.model import DrawingModel, Model

# Makes the model inside the process; importable by name. Gets the shared arrays of all that goes in
# and out, so that it may lock them into memory and work there.
Opener = Callable[[Any, Mapping[str, np.ndarray]], Model]

START_S = 120.0  # libraries, engine, first cycles
DEADLINE_S = 0.03
_END_S = 0.5
_ALIGNMENT = 256


class EngineProcess:
    """Implements inference.model.Model with a model that lives in another process.

    Made ready by `start`, which takes seconds; not for a cycle. After the first failure it is dead
    and every call raises at once.
    """

    def __init__(
        self, sizes: Sizes, opener: Opener, argument: Any, deadline_s: float = DEADLINE_S
    ) -> None:
        """`sizes.candidates` are the most plans in a batch; `argument` is handed to `opener`."""
        self.sizes = sizes
        self._deadline_s = deadline_s
        self._opener, self._argument = opener, argument
        self._memory: shared_memory.SharedMemory | None = None
        self._process: Any = None
        self._connection: Connection | None = None
        self._scene = 0
        self._inputs = encoder_inputs(sizes)
        self._arrays: dict[str, np.ndarray] = {}
        self._told = NO_CHANGES  # of the textures: those that the process knows
        self.cannot_draw = 'not started'  # why rasters are copied; empty: they are drawn there
        self.reason = 'not started'
        self.fault = ''  # what ended it, by the name of its class, if its process told

    @property
    def alive(self) -> bool:
        return self._connection is not None

    def start(self, timeout_s: float = START_S) -> None:
        """Start the process and wait until its model is open. Raises EngineError with what it says,
        or where it says nothing in time.
        """
        places, size = _layout(self.sizes)
        self._memory = shared_memory.SharedMemory(create=True, size=size)
        self._arrays = _views(self._memory.buf, places)
        # As for maps: Ctrl-C goes to the whole terminal, and the node ends this process itself.
        resource_tracker.ensure_running()
        context = get_context('spawn')
        ours, theirs = context.Pipe()
        task = (self._opener, self._argument, self._memory.name, places)
        self._process = context.Process(target=_serve, args=(theirs, task), daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        self.cannot_draw = self._await('open', timeout_s)
        self.reason = ''

    def encode(self, arrays: Arrays) -> int:
        """The number of the scene, which `decode` asks for. Raises EngineError."""
        self._check_alive()
        if isinstance(arrays, DrawnArrays) and not self.cannot_draw and self._draw(arrays):
            return self._scene
        self._hand_over(arrays, self._inputs)
        self._ask(('encode', self._scene))
        return self._scene

    def _draw(self, arrays: DrawnArrays) -> bool:
        """Have the rasters drawn over there; whether that was possible."""
        if not arrays.drawing.write(self._arrays['sketch']):
            return False
        self._tell_tiles(arrays.drawing)
        self._hand_over(arrays, {n: t for n, t in self._inputs.items() if n not in RASTERS})
        self._ask(('draw', self._scene))
        return True

    def _tell_tiles(self, drawing: Drawing) -> None:
        changed, newest = drawing.changed_tiles(self._told)
        for count in filled_tiles(drawing, changed, self._arrays['tiles']):
            self._ask(('tiles', count))
        self._told = newest

    def _hand_over(self, arrays: Arrays, inputs: Mapping[str, Tensor]) -> None:
        """A new scene into the shared memory. Raises ValueError before anything is written."""
        check_arrays(arrays, inputs, self.sizes)
        for name in inputs:
            np.copyto(self._arrays[name], arrays[name])
        self._scene += 1

    def decode(
        self, encoded: int, plan: np.ndarray, plan_valid: np.ndarray
    ) -> dict[str, np.ndarray]:
        """OUTPUTS, in memory of their own. Raises EngineError, ValueError for an older scene."""
        if encoded != self._scene:
            raise ValueError(f'the scene must be the newest, {self._scene}, got {encoded}')
        count = len(plan)
        if not 1 <= count <= self.sizes.candidates:
            raise ValueError(f'plans must be 1 to {self.sizes.candidates}, got {count}')
        self._check_alive()
        self._arrays['plan'][:count], self._arrays['plan_valid'][:count] = plan, plan_valid
        self._ask(('decode', count))
        return {name: self._arrays[name][:count].copy() for name in OUTPUTS}

    def close(self) -> None:
        """End the process, whatever it does, and give its memory back."""
        self._end('closed')

    def _check_alive(self) -> None:
        if self._connection is None:
            raise EngineError(f'the engine process is gone: {self.reason}')

    def _ask(self, words: tuple[Any, ...]) -> None:
        assert self._connection is not None
        try:
            self._connection.send(words)
        except OSError as error:
            self._end(f'it died: {error}')
            raise EngineError(f'{words[0]}: the engine process died') from error
        self._await(str(words[0]), self._deadline_s)

    def _await(self, what: str, timeout_s: float) -> str:
        """Wait for the end of what was asked for: what the process says of it. A process that fails
        once is ended.
        """
        assert self._connection is not None
        try:
            if not self._connection.poll(timeout_s):
                raise EngineError(f'{what}: no answer within {1e3 * timeout_s:.0f} ms')
            fault, said = self._connection.recv()
        except (EOFError, OSError):
            error = EngineError(f'{what}: the engine process died')
            self._end(str(error))
            raise error from None
        except EngineError as error:
            self._end(str(error))
            raise
        if fault:
            self.fault = fault
            self._end(f'{what}: {fault}: {said}')
            raise EngineError(self.reason)
        return str(said)

    def _end(self, reason: str) -> None:
        self.reason = reason
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            # At once: what hangs in a driver hears nothing else. Not waited for in a cycle.
            self._process.kill()
        self._arrays = {}
        if self._memory is not None:
            with contextlib.suppress(FileNotFoundError):
                self._memory.unlink()
            with contextlib.suppress(BufferError):  # somebody still looks at an array
                self._memory.close()
            self._memory = None

    def join(self, timeout_s: float = _END_S) -> None:
        """Wait for the end of a process that was told to; not for a cycle."""
        if self._process is not None:
            self._process.join(timeout_s)


Places = list[tuple[str, np.dtype, tuple[int, ...], int]]


def _layout(sizes: Sizes) -> tuple[Places, int]:
    """Name, type, shape and offset of every array in the shared memory, and its size."""
    kinds = {
        name: (np.dtype(tensor.dtype), tensor.shape(sizes))
        for name, tensor in {**encoder_inputs(sizes), **DECODER_INPUTS, **OUTPUTS}.items()
    }
    if sizes.channels == CHANNELS:
        kinds |= {'sketch': (sketch_type(sizes.agents), (1,)), 'tiles': (TILE_TYPE, (TILES,))}
    places: Places = []
    at = 0
    for name, (dtype, shape) in kinds.items():
        places.append((name, dtype, shape, at))
        size = int(np.prod(shape)) * dtype.itemsize
        at += -(-size // _ALIGNMENT) * _ALIGNMENT
    return places, at


def _views(memory: Any, places: Places) -> dict[str, np.ndarray]:
    return {
        name: np.ndarray(shape, dtype, buffer=memory, offset=at)
        for name, dtype, shape, at in places
    }


def _serve(connection: Connection, task: tuple[Any, ...]) -> None:
    """The engine's process: open, then answer until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    opener, argument, name, places = task
    memory = shared_memory.SharedMemory(name=name)
    arrays = _views(memory.buf, places)
    inputs = {each: array for each, array in arrays.items() if each not in OUTPUTS}
    encoded: Any = None
    try:
        model = opener(argument, arrays)
        connection.send(('', _why_not_drawn(model)))
        while True:
            what, number = connection.recv()
            if what == 'encode':
                encoded = model.encode(inputs)
            elif what == 'decode':
                plan, valid = inputs['plan'][:number], inputs['plan_valid'][:number]
                found = model.decode(encoded, plan, valid)
                for output in OUTPUTS:
                    if found[output].ctypes.data != arrays[output].ctypes.data:
                        arrays[output][:number] = found[output]
            else:
                assert isinstance(model, DrawingModel), what
                if what == 'draw':
                    encoded = model.draw(inputs)
                else:
                    model.take_tiles(number)
            connection.send(('', ''))
    except EOFError:
        return
    # Told to the node, whatever it is; then this process ends, and CUDA's state with it.
    except Exception as error:
        with contextlib.suppress(OSError):
            connection.send((type(error).__name__, f'{" ".join(str(error).split()):.300}'))


def _why_not_drawn(model: Model) -> str:
    return model.cannot_draw if isinstance(model, DrawingModel) else 'this model draws nothing'
