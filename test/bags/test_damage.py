"""Damaged recordings: what can be read is read, what is lost is told, nothing else is made up."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from prediction_node.bags.mcap_file import CHUNK, DATA_END, MAGIC
from prediction_node.bags.reader import BagReader
from prediction_node.bags.values import Damage, Message
from prediction_node.domain.errors import BagError

WriteBag = Callable[[Path, list[Message]], Path]


@pytest.fixture(scope='module')
def texts(recordings: Any) -> list[Message]:
    messages: list[Message] = recordings.content(300, 4_000)
    return messages


def read(path: Path) -> tuple[list[Message], list[Damage]]:
    with BagReader(path) as bag:
        messages = list(bag.messages())
        return messages, bag.damage


def cuts(size: int, count: int) -> list[int]:
    rng = random.Random(size)
    ends = [0, 1, 7, 8, 9, 16, 30, 36, 37, 38, 100, 4095, 4096, size - 41, size - 8, size - 1]
    return sorted({*(c for c in ends if 0 <= c < size), *rng.sample(range(size), count)})


@pytest.mark.parametrize('alone', [True, False], ids=['file', 'folder'])
def test_a_cut_anywhere_leaves_a_prefix_and_is_reported(
    tmp_path: Path, write_bag: WriteBag, alone: bool, recordings: Any, texts: list[Message]
) -> None:
    folder = write_bag(tmp_path / 'bag', texts)
    file = recordings.file_of(folder)
    whole = file.read_bytes()
    lengths = []
    for cut in cuts(len(whole), 40):
        file.write_bytes(whole[:cut])
        messages, damage = read(file if alone else folder)
        assert messages == texts[: len(messages)], f'cut at byte {cut}'
        assert damage, f'cut at byte {cut} went unnoticed'
        lengths.append(len(messages))
    assert lengths == sorted(lengths)
    assert lengths[0] == 0
    assert len(set(lengths)) > 10


@pytest.mark.parametrize('level', [0, 1])
def test_a_cut_chunk_gives_the_messages_before_the_cut(
    tmp_path: Path, level: int, recordings: Any, texts: list[Message]
) -> None:
    """A whole chunk may hold seconds; a killed recorder must not lose them all."""
    rng = random.Random(1)
    messages = [
        m._replace(data=m.data[:4] + rng.randbytes(8000)) for m in texts[:100]
    ]  # incompressible, so that bytes and messages go together
    file = recordings.file_of(recordings.write_mcap(tmp_path / 'bag', messages, level=level))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    got, _ = read(file)
    assert 30 < len(got) <= 50
    assert got == messages[: len(got)]


def test_the_lost_span_reaches_from_the_last_message_to_the_end_that_metadata_knows(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', texts)
    file = recordings.file_of(folder)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    messages, (flaw,) = read(folder)
    assert flaw.lost_from_ns == messages[-1].log_ns
    assert flaw.lost_until_ns == texts[-1].log_ns
    told = flaw.describe(recordings.START_NS)
    assert told.startswith('bag_0.mcap: it is cut at byte')
    assert told.endswith('s to 2.990 s after the start')


def test_a_cut_part_of_a_split_recording_loses_only_its_own_end(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    folder = tmp_path / 'bag'
    folder.mkdir()
    for part in range(2):
        half = texts[150 * part : 150 * part + 150]
        part_bag = recordings.write_mcap(tmp_path / f'part{part}', half, level=0)
        source = recordings.file_of(part_bag)
        data = source.read_bytes()
        (folder / f'bag_{part}.mcap').write_bytes(data[: len(data) // 2] if part == 0 else data)
    messages, damage = read(folder)
    first = len(messages) - 150
    assert 0 < first < 150
    assert messages == texts[:first] + texts[150:]
    cut = next(d for d in damage if d.file == 'bag_0.mcap')
    assert cut.lost_from_ns == texts[first - 1].log_ns
    assert cut.lost_until_ns == texts[150].log_ns


def test_a_lost_index_loses_no_message(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    """The recorder died after the last chunk: no summary, no footer."""
    file = recordings.file_of(recordings.write_mcap(tmp_path / 'bag', texts))
    whole = file.read_bytes()
    data_end = whole.rindex(bytes([DATA_END]) + (4).to_bytes(8, 'little'))
    file.write_bytes(whole[: data_end + 13])
    messages, (flaw,) = read(file)
    assert messages == texts
    assert flaw.describe(recordings.START_NS).endswith('no message was lost')


def test_a_spoilt_chunk_ends_the_recording_there(tmp_path: Path, recordings: Any) -> None:
    """The index is whole, so the flaw shows only on the way."""
    file = recordings.file_of(
        recordings.write_mcap(tmp_path / 'bag', recordings.content(400, 20_000), level=0)
    )
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2
    for i in range(middle, middle + 64):
        whole[i] ^= 0xFF
    file.write_bytes(whole)
    messages, damage = read(file)
    assert 0 < len(messages) < 250
    assert messages == recordings.content(400, 20_000)[: len(messages)]
    assert damage[0].lost_from_ns == messages[-1].log_ns
    assert damage[0].lost_until_ns == recordings.START_NS + 399 * recordings.STEP_NS


def test_flipped_bits_never_crash_the_reader(
    tmp_path: Path, write_bag: WriteBag, recordings: Any, texts: list[Message]
) -> None:
    file = recordings.file_of(write_bag(tmp_path / 'bag', texts[:40]))
    whole = file.read_bytes()
    rng = random.Random(5)
    for _ in range(120):
        spoilt = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        file.write_bytes(spoilt)
        try:
            messages, _ = read(file)
        except BagError:
            continue
        assert len(messages) <= 40


def test_lying_lengths_are_found_before_memory_is_taken(tmp_path: Path) -> None:
    head = MAGIC + bytes([1]) + (8).to_bytes(8, 'little') + bytes(8)
    huge = (1 << 62).to_bytes(8, 'little')
    file = tmp_path / 'lie.mcap'
    for record in (
        bytes([CHUNK]) + huge,
        bytes([3]) + huge,
        bytes([CHUNK]) + (60).to_bytes(8, 'little') + bytes(16) + huge + bytes(36),
    ):
        file.write_bytes(head + record)
        messages, damage = read(file)
        assert messages == []
        assert damage


def test_an_empty_file_is_damage_and_the_rest_is_read(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', texts[:10])
    (folder / 'bag_1.mcap').touch()
    (folder / 'metadata.yaml').unlink()
    messages, damage = read(folder)
    assert messages == texts[:10]
    assert {d.file for d in damage} == {'metadata.yaml', 'bag_1.mcap'}


@pytest.mark.parametrize(
    'text', ['', 'rosbag2_bagfile_information:', ': [', '\x00', 'a: b', '- 1', '&a [*a]' * 3]
)
def test_unreadable_metadata_is_damage_and_the_files_are_read(
    tmp_path: Path, write_bag: WriteBag, text: str, texts: list[Message]
) -> None:
    folder = write_bag(tmp_path / 'bag', texts[:10])
    (folder / 'metadata.yaml').write_text(text)
    messages, (flaw,) = read(folder)
    assert messages == texts[:10]
    assert 'metadata.yaml' in flaw.reason


def test_a_missing_file_is_damage_and_the_rest_is_read(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', texts[:10])
    change_metadata(folder, relative_file_paths=['bag_0.mcap', 'bag_1.mcap'])
    messages, (flaw,) = read(folder)
    assert messages == texts[:10]
    assert (flaw.file, flaw.reason) == ('bag_1.mcap', 'the file is missing')


@pytest.mark.parametrize('name', ['../secret.mcap', '/etc/passwd.mcap', 'a/../../secret.mcap'])
def test_paths_that_leave_the_folder_are_refused(
    tmp_path: Path, name: str, recordings: Any, texts: list[Message]
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', texts[:10])
    shutil.copy(recordings.file_of(folder), tmp_path / 'secret.mcap')
    change_metadata(folder, relative_file_paths=[name])
    with pytest.raises(BagError, match='not inside the folder'):
        BagReader(folder)


def test_links_that_leave_the_folder_are_refused(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', texts[:10])
    secret = tmp_path / 'secret.mcap'
    recordings.file_of(folder).rename(secret)
    (folder / 'bag_0.mcap').symlink_to(secret)
    with pytest.raises(BagError, match='not inside the folder'):
        BagReader(folder)


def test_a_topic_with_the_hash_of_another_type_is_not_used(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    """sqlite3 of older recorders: no definition to compare, so the hash decides."""
    import sqlite3

    folder = recordings.write_sqlite(tmp_path / 'bag', texts[:10])
    wrong = 'RIHS01_' + 64 * 'a'
    with sqlite3.connect(recordings.file_of(folder)) as db:
        db.execute('DELETE FROM message_definitions')
        db.execute('UPDATE topics SET type_description_hash = ? WHERE name = ?', (wrong, '/odd'))
    db.close()
    with BagReader(recordings.file_of(folder)) as bag:
        assert {t.name: t.foreign for t in bag.topics} == {'/even': False, '/odd': True}
        (flaw,) = bag.damage
        assert '/odd: its type hash is not that of std_msgs/msg/String' in flaw.reason


def test_a_wrong_hash_beside_the_right_definition_is_told_but_used(
    tmp_path: Path, recordings: Any, texts: list[Message]
) -> None:
    folder = recordings.write_mcap(tmp_path / 'bag', texts[:10])
    text = (folder / 'metadata.yaml').read_text()
    assert 'RIHS01_df' in text
    (folder / 'metadata.yaml').write_text(text.replace('RIHS01_df', 'RIHS01_00', 1))
    with BagReader(folder) as bag:
        assert not any(t.foreign for t in bag.topics)
        assert list(bag.messages()) == texts[:10]
        (flaw,) = bag.damage
        assert flaw.describe(bag.start_ns).endswith('no message was lost')


def test_a_definition_with_other_fields_makes_a_topic_foreign(
    tmp_path: Path, recordings: Any
) -> None:
    from prediction_node.bags.writer import BagWriter

    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic('/text', 'std_msgs/msg/String', definition='int64 data\n', type_hash='x')
        bag.write('/text', recordings.START_NS, bytes(12))
    with BagReader(tmp_path / 'bag', {'std_msgs/msg/Bool'}) as unread:
        assert not unread.topics[0].foreign
        assert unread.damage == []
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.topics[0].foreign
        assert 'its definition of std_msgs/msg/String is another' in reader.damage[0].reason


def change_metadata(folder: Path, **changes: object) -> None:
    path = folder / 'metadata.yaml'
    content = yaml.safe_load(path.read_text())
    content['rosbag2_bagfile_information'].update(changes)
    path.write_text(yaml.safe_dump(content))
