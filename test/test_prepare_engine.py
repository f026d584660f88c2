"""What `prepare-engine` is asked for is checked before anything is read or built."""

from __future__ import annotations

import pytest

from prediction_node.cli import main


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--candidates', '0'), '--candidates: must be in 1 to 64, got 0'),
        (('--candidates', '65'), '--candidates: must be in 1 to 64, got 65'),
        (('--candidates', 'all'), '--candidates: must be in 1 to 64, got all'),
        (('--agents', '65'), '--agents: invalid choice: 65'),
        (('--precision', 'bf16'), "--precision: invalid choice: 'bf16'"),
    ],
)
def test_what_cannot_be_built_is_refused(
    words: tuple[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['prepare-engine', *words])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
