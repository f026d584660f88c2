"""The parts of building interfaces/ that are ours: exports, manifests, leftovers."""

from __future__ import annotations

from pathlib import Path

from tools import interfaces

EXPORT = (
    'set_target_properties(x PROPERTIES\n'
    '  INTERFACE_INCLUDE_DIRECTORIES "${_IMPORT_PREFIX}/include/x;'
    '/opt/python/cp312-cp312/include/python3.12;'
    '/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include"\n)\n'
)


def test_foreign_folders_in_exports_become_local(tmp_path: Path) -> None:
    file = tmp_path / 'x_msgs' / 'cmake' / 'export_x.cmake'
    file.parent.mkdir(parents=True)
    file.write_text(EXPORT, encoding='utf-8')
    (file.parent / 'other.cmake').write_text('set(a "/opt/python-like")\n', encoding='utf-8')
    assert interfaces.rewrite_exports(tmp_path, '/usr/include/python3.12', '/v/numpy/include') == 1
    text = file.read_text(encoding='utf-8')
    assert '"${_IMPORT_PREFIX}/include/x;/usr/include/python3.12;/v/numpy/include"' in text
    # What is local stays, so a second run changes nothing.
    assert interfaces.rewrite_exports(tmp_path, '/usr/include/python3.12', '/v/numpy/include') == 0


def test_an_earlier_build_is_removed_and_nothing_else(tmp_path: Path) -> None:
    environment, work = tmp_path / '.venv', tmp_path / 'work'
    mine, outside, kept = (
        environment / 'lib' / 'x_msgs' / '__init__.py',
        tmp_path / 'mine',
        environment / 'keep',
    )
    cached = mine.parent / '__pycache__' / '__init__.pyc'
    for path in (mine, cached, outside, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (work / 'x_msgs').mkdir(parents=True)
    listed = f'{mine}\n{outside}\n{environment / "already gone"}'
    (work / 'x_msgs' / 'install_manifest.txt').write_text(listed, encoding='utf-8')
    manifest = environment / 'bootstrap' / 'interfaces.manifest'
    interfaces.write_manifest(manifest, work)
    interfaces.remove_listed(manifest, environment)
    assert not mine.parent.exists()
    assert outside.exists()
    assert kept.exists()
    assert not manifest.exists()
    interfaces.remove_listed(manifest, environment)


def test_a_build_folder_serves_the_environment_it_was_made_for(tmp_path: Path) -> None:
    work = tmp_path / 'work'
    interfaces.discard_foreign_build(work, tmp_path / 'one')
    (work / 'CMakeCache.txt').touch()
    interfaces.discard_foreign_build(work, tmp_path / 'one')
    assert (work / 'CMakeCache.txt').exists()
    interfaces.discard_foreign_build(work, tmp_path / 'two')
    assert not (work / 'CMakeCache.txt').exists()


def test_colcon_is_shown_in_short_lines() -> None:
    activity = interfaces.ColconActivity(2)
    assert activity('Starting >>> a_msgs\n') == '0/2 built, now a_msgs'
    assert activity('Starting >>> b_msgs\n') == '0/2 built, now a_msgs, b_msgs'
    assert activity('Finished <<< a_msgs [12.1s]\n') == '1/2 built, now b_msgs'
    assert activity('Finished <<< b_msgs [3.0s]\n') == '2/2 built, now none'
    assert activity('Summary: 2 packages finished [15s]\n') == ''
