"""The tree of coordinate frames: fixed and moving transforms, looked up at a stamp."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from prediction_node.domain.errors import FrameError
from prediction_node.domain.frames import Transform
from prediction_node.domain.message_arrays import TransformsArrays
from prediction_node.domain.stamps import nanoseconds, seconds
from prediction_node.observation.judging import has_length, within
from prediction_node.observation.parameters import MountParameters, ObservationParameters
from prediction_node.observation.rotations import interpolate, matrix_from_roll_pitch_yaw

LONGEST_NAME = 256


@dataclass(slots=True)
class _Edge:
    """How one frame hangs on its parent; a moving one has samples, a fixed one a transform."""

    parent: str
    fixed: Transform | None = None
    by_parameter: bool = False
    stamps: list[int] = field(default_factory=list)  # sorted
    samples: list[Transform] = field(default_factory=list)  # in the order of `stamps`
    come: deque[int] = field(default_factory=deque)  # the stamps in the order they came

    def add(self, stamp_ns: int, sample: Transform, capacity: int) -> None:
        """Keep a sample; the one that came first makes room, as stamps may have jumped back."""
        index = bisect.bisect_left(self.stamps, stamp_ns)
        if index < len(self.stamps) and self.stamps[index] == stamp_ns:
            return
        self.stamps.insert(index, stamp_ns)
        self.samples.insert(index, sample)
        self.come.append(stamp_ns)
        if len(self.stamps) > capacity:
            first = bisect.bisect_left(self.stamps, self.come.popleft())
            del self.stamps[first], self.samples[first]

    def forget_after(self, stamp_ns: int) -> None:
        """Drop the samples with later stamps."""
        index = bisect.bisect_right(self.stamps, stamp_ns)
        del self.stamps[index:], self.samples[index:]
        self.come = deque(known for known in self.come if known <= stamp_ns)


class TransformBuffer:
    """Frames and how they hang together.

    A frame has one parent for good: a transform that would change it, close a loop, or hang a frame
    on itself raises FrameError and changes nothing, and so does one with unusable numbers. Mounts
    given by parameter win over messages.
    """

    def __init__(
        self, parameters: ObservationParameters, mounts: Iterable[MountParameters] = ()
    ) -> None:
        self._capacity = parameters.transform_samples
        self._max_frames = parameters.transform_frames
        self._max_position_m = parameters.max_position_m
        self._tolerance_ns = nanoseconds(parameters.transform_tolerance_s)
        self._gap_ns = nanoseconds(parameters.transform_gap_s)
        self._edges: dict[str, _Edge] = {}
        self._fixed_chains: dict[tuple[str, str], Transform] = {}
        for mount in mounts:
            parent_from_frame = Transform(
                matrix_from_roll_pitch_yaw(mount.roll_rad, mount.pitch_rad, mount.yaw_rad),
                np.array([mount.x_m, mount.y_m, mount.z_m]),
            )
            edge = self._edge(mount.parent, mount.frame)
            edge.fixed, edge.by_parameter = parent_from_frame, True

    @property
    def frames(self) -> frozenset[str]:
        """All frames that any transform has named."""
        return frozenset(self._edges) | {edge.parent for edge in self._edges.values()}

    def forget_after(self, stamp_ns: int) -> None:
        """Time has jumped to `stamp_ns`: forget moving transforms of what is the future now."""
        for edge in self._edges.values():
            edge.forget_after(stamp_ns + self._tolerance_ns)

    def insert_all(self, arrays: TransformsArrays, *, static: bool) -> tuple[FrameError, ...]:
        """Insert each transform of a message; returns the errors of those that were refused."""
        errors = []
        for i in range(len(arrays.stamp_ns)):
            try:
                self.insert(
                    arrays.frame_id[i],
                    arrays.child_frame_id[i],
                    int(arrays.stamp_ns[i]),
                    arrays.translation[i],
                    arrays.rotation[i],
                    static=static,
                )
            except FrameError as error:
                errors.append(error)
        return tuple(errors)

    def insert(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        translation_m: np.ndarray,
        quaternion_xyzw: np.ndarray,
        *,
        static: bool,
    ) -> None:
        """Add one transform from `child` to `parent` coordinates. FrameError as said above."""
        parent, child = parent.lstrip('/'), child.lstrip('/')
        for name in (parent, child):
            if not 0 < len(name) <= LONGEST_NAME:
                raise FrameError(
                    f'a frame name must have 1 to {LONGEST_NAME} characters, got {len(name)}'
                )
        translation = np.array(translation_m, dtype=np.float64)
        quaternion = np.array(quaternion_xyzw, dtype=np.float64)
        if not within(translation, self._max_position_m).all():
            raise FrameError(
                f'the translation of {child} in {parent} must be within {self._max_position_m:g} m,'
                f' got {translation.tolist()}'
            )
        if not has_length(quaternion[None])[0]:
            raise FrameError(
                f'the rotation of {child} in {parent} must have a length, got {quaternion.tolist()}'
            )
        transform = Transform.from_quaternion(translation, quaternion)
        if not static and stamp_ns <= 0:
            raise FrameError(f'the transform of {child} in {parent} has the stamp {stamp_ns}')
        known = self._edges.get(child)
        if known is not None and known.by_parameter:
            return
        edge = self._edge(parent, child)
        if static:
            edge.fixed = transform
            self._fixed_chains.clear()
            return
        if edge.fixed is not None:
            raise FrameError(f'{child} is fixed to {parent}, a moving transform is refused')
        edge.add(stamp_ns, transform, self._capacity)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Transform:
        """`target_from_source` at a stamp. FrameError: unknown, unconnected, or out of time."""
        if target == source:
            return Transform.identity()
        chain = self._fixed_chains.get((target, source))
        if chain is not None:
            return chain
        up_from_target, up_from_source = self._ancestors(target), self._ancestors(source)
        above_target = set(up_from_target)
        common = next((name for name in up_from_source if name in above_target), None)
        if common is None:
            unknown = [name for name in (target, source) if name not in self.frames]
            raise FrameError(
                f'no transform is known from {source} to {target}'
                + (f': nothing has named {" or ".join(unknown)}' if unknown else '')
            )
        common_from_source, source_fixed = self._climb(up_from_source, common, stamp_ns)
        common_from_target, target_fixed = self._climb(up_from_target, common, stamp_ns)
        target_from_source = common_from_target.inverse() @ common_from_source
        if source_fixed and target_fixed:
            self._fixed_chains[target, source] = target_from_source
        return target_from_source

    def _edge(self, parent: str, child: str) -> _Edge:
        """The edge of `child`, made if it is new and fits into the tree."""
        edge = self._edges.get(child)
        if edge is not None:
            if edge.parent != parent:
                raise FrameError(
                    f'{child} hangs on {edge.parent}, a new parent {parent} is refused'
                )
            return edge
        if parent == child:
            raise FrameError(f'{child} cannot hang on itself')
        if child in self._ancestors(parent):
            raise FrameError(f'{child} in {parent} would close a loop of frames')
        if len(self._edges) >= self._max_frames:
            raise FrameError(
                f'{child} in {parent} is refused: {self._max_frames} frames are kept already'
            )
        edge = self._edges[child] = _Edge(parent)
        return edge

    def _ancestors(self, frame: str) -> list[str]:
        """`frame`, its parent, and so on to the root. Ends, as no loop is ever let in."""
        names = [frame]
        while (edge := self._edges.get(names[-1])) is not None:
            names.append(edge.parent)
        return names

    def _climb(self, names: list[str], top: str, stamp_ns: int) -> tuple[Transform, bool]:
        """`top_from_first` along ancestors, and whether every step is fixed."""
        transform, fixed = Transform.identity(), True
        for name in names:
            if name == top:
                break
            edge = self._edges[name]
            fixed &= edge.fixed is not None
            transform = (edge.fixed or self._sample(name, edge, stamp_ns)) @ transform
        return transform, fixed

    def _sample(self, child: str, edge: _Edge, stamp_ns: int) -> Transform:
        """A moving transform at a stamp: interpolated, or held a little beyond its last samples."""
        if not edge.stamps:
            raise FrameError(f'{child} moves in {edge.parent}, and no sample of it is known')
        index = bisect.bisect_left(edge.stamps, stamp_ns)
        if 0 < index < len(edge.stamps):
            start, end = edge.stamps[index - 1], edge.stamps[index]
            if end - start <= self._gap_ns:
                share = seconds(stamp_ns - start) / seconds(end - start)
                return interpolate(edge.samples[index - 1], edge.samples[index], share)
        around = range(max(index - 1, 0), min(index + 1, len(edge.stamps)))
        nearest = min(around, key=lambda i: abs(edge.stamps[i] - stamp_ns))
        off_ns = abs(stamp_ns - edge.stamps[nearest])
        if off_ns > self._tolerance_ns:
            raise FrameError(
                f'the transform of {child} in {edge.parent} is known only {seconds(off_ns):.3f} s '
                f'from the stamp, allowed are {seconds(self._tolerance_ns):.3f} s'
            )
        return edge.samples[nearest]
