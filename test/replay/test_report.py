"""The report holds what the replay kept, and nothing a browser would have to fetch."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_node.domain.errors import BagError
from prediction_node.domain.kinds import CLASS_NAMES
from prediction_node.domain.prediction import MODE_COUNT
from prediction_node.replay.log import PATH_POINTS, ReplayFrame, ReplayLog
from prediction_node.replay.report import write_report


def make_frame(n: int, seed: int, ego: bool = True) -> ReplayFrame:
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.1, 1.0, (n, MODE_COUNT)).astype(np.float32)
    weight[:, 4:] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    centre = rng.uniform(-2000, 2000, 2)  # far from the origin: drives are long
    pose = np.column_stack([centre + rng.uniform(-80, 80, (n, 2)), rng.uniform(-3.1, 3.1, n)])
    path = np.empty((n, MODE_COUNT, PATH_POINTS, 3), np.float32)
    path[..., :2] = centre + rng.uniform(-200, 200, (n, MODE_COUNT, PATH_POINTS, 2))
    path[..., 2] = rng.uniform(-3.1, 3.1, (n, MODE_COUNT, PATH_POINTS))
    valid = rng.uniform(size=(n, PATH_POINTS)) < 0.7
    valid[: n // 3] = False
    return ReplayFrame(
        release_ns=10**18 + seed * 10**8,
        stamp_ns=10**18 + seed * 10**8 - 5,
        mode='degraded',
        reasons=('lidar </script><script>alert(1)</script> lost',),
        uuid=rng.integers(0, 256, (n, 16), dtype=np.uint8),
        label=rng.integers(0, 9, n, dtype=np.uint8),
        pose=pose.astype(np.float32),
        size_m=rng.uniform(0.3, 12, (n, 2)).astype(np.float32),
        speed_mps=rng.uniform(-2, 30, n).astype(np.float32),
        path=path,
        probability=weight,
        truth_m=(centre + rng.uniform(-200, 200, (n, PATH_POINTS, 2))).astype(np.float32),
        truth_valid=valid,
        ego_pose=np.array([*centre, 0.3], np.float32) if ego else None,
        ego_size_m=np.array([4.9, 1.9], np.float32),
        light_group=np.array([4611686018427387904]),
        light_colour=np.array([1], np.uint8),
    )


def written(log: ReplayLog, folder: Path) -> tuple[str, dict[str, Any], np.ndarray]:
    path = folder / 'report.html'
    write_report(log, path)
    page = path.read_text()
    content = re.search(r'^const content = (.*);$', page, re.M)
    packed = re.search(r"^const packed = '(.*)';$", page, re.M)
    assert content is not None
    assert packed is not None
    values = np.frombuffer(zlib.decompress(base64.b64decode(packed[1])), '<i2')
    return page, json.loads(content[1]), values


def make_log(frames: list[ReplayFrame]) -> ReplayLog:
    return ReplayLog('drive', 'kinematic', None, np.zeros(2), frames, releases=len(frames))


def test_every_number_comes_back(tmp_path: Path) -> None:
    frames = [make_frame(5, 0), make_frame(0, 1), make_frame(9, 2), make_frame(4, 3, ego=False)]
    _, content, values = written(make_log(frames), tmp_path)
    assert tuple(content['classes']) == CLASS_NAMES
    for frame, head in zip(frames, content['frames'], strict=True):
        assert head['stamp'] == str(frame.stamp_ns)
        assert head['n'] == len(frame)
        at, base = head['at'], np.array(head['base'])
        for i in range(len(frame)):
            body = values[at : at + 10]
            at += 10
            assert body[1] == frame.label[i]
            np.testing.assert_allclose(base + body[2:4] * 0.02, frame.pose[i, :2], atol=0.011)
            np.testing.assert_allclose(body[4] / 1e4, frame.pose[i, 2], atol=1e-4)
            np.testing.assert_allclose(body[5:7] * 0.02, frame.size_m[i], atol=0.011)
            np.testing.assert_allclose(body[7] / 100, frame.speed_mps[i], atol=0.006)
            assert bool(body[8]) == frame.truth_valid[i].any()
            if body[8]:
                truth = values[at : at + 2 * PATH_POINTS].reshape(-1, 2)
                at += 2 * PATH_POINTS
                ok = truth[:, 0] != -32768
                np.testing.assert_array_equal(ok, frame.truth_valid[i])
                np.testing.assert_allclose(
                    base + truth[ok] * 0.02, frame.truth_m[i][ok], atol=0.011
                )
            assert body[9] == 4
            for mode in range(4):
                np.testing.assert_allclose(values[at] / 1e4, frame.probability[i, mode], atol=1e-4)
                path = values[at + 1 : at + 1 + 3 * PATH_POINTS].reshape(-1, 3)
                at += 1 + 3 * PATH_POINTS
                np.testing.assert_allclose(
                    base + path[:, :2] * 0.02, frame.path[i, mode, :, :2], atol=0.011
                )
                np.testing.assert_allclose(path[:, 2] / 1e4, frame.path[i, mode, :, 2], atol=1e-4)


def test_nothing_is_fetched_and_no_text_becomes_code(tmp_path: Path) -> None:
    page, _, _ = written(make_log([make_frame(2, 0)]), tmp_path)
    assert 'http://' not in page
    assert 'https://' not in page
    assert page.count('<script') - page.count('<\\/script><script>alert') == 1
    assert page.count('</script>') == 1


def test_an_empty_replay_is_a_page_too(tmp_path: Path) -> None:
    _, content, values = written(make_log([]), tmp_path)
    assert content['frames'] == []
    assert len(values) == 0


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r'nowhere/report\.html: cannot be written'):
        write_report(make_log([]), tmp_path / 'nowhere' / 'report.html')
