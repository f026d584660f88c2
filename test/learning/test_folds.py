"""Folds: every group is held out once, whole, whatever the order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_node.domain.errors import DataError
from prediction_node.learning.folds import (
    FILE,
    Fold,
    deal_folds,
    find_folds,
    fold_holding_out,
    group_name,
    read_fold,
    write_fold,
)

SITES = [f'USA_Lanker-1_{k}' for k in range(11)] + [f'USA_US101-2_{k}' for k in range(7)]


@given(st.permutations(SITES), st.integers(2, 6))
def test_every_group_is_held_out_once_and_every_site_is_shared_out(
    groups: list[str], count: int
) -> None:
    folds = deal_folds(groups, count)
    assert folds == deal_folds(SITES, count)
    assert sorted(g for fold in folds for g in fold.held_out) == sorted(SITES)
    for site, number in (('USA_Lanker', 11), ('USA_US101', 7)):
        shares = [sum(g.startswith(site) for g in fold.held_out) for fold in folds]
        assert max(shares) - min(shares) <= 1
        assert sum(shares) == number


@pytest.mark.parametrize('count', [0, 1, 19])
def test_a_number_of_folds_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match='2 to 18'):
        deal_folds(SITES, count)


def test_folds_come_back_from_their_files(tmp_path: Path) -> None:
    folds = deal_folds(SITES, 3)
    for fold in folds:
        (tmp_path / f'run_{2 - fold.index}' / 'model').mkdir(parents=True)
        write_fold(tmp_path / f'run_{2 - fold.index}' / 'model', fold)
    found = find_folds(tmp_path)
    assert tuple(fold for fold, _ in found) == folds
    assert [path.parent.name for _, path in found] == ['run_2', 'run_1', 'run_0']


def test_a_missing_a_double_and_a_broken_fold_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no model of a fold'):
        find_folds(tmp_path)
    for name, fold in (('a', Fold(0, 2, ('x',))), ('b', Fold(0, 2, ('y',)))):
        (tmp_path / name).mkdir()
        write_fold(tmp_path / name, fold)
    with pytest.raises(DataError, match='folds 0 to 1 once each'):
        find_folds(tmp_path)
    write_fold(tmp_path / 'b', Fold(1, 2, ('x',)))
    with pytest.raises(DataError, match='same group'):
        find_folds(tmp_path)
    (tmp_path / 'b' / FILE).write_text('{"index": 1, "count": 2}')
    with pytest.raises(DataError, match='held_out'):
        read_fold(tmp_path / 'b')


def test_the_fold_that_never_saw_a_group_is_found_by_any_of_its_names() -> None:
    folds = (Fold(0, 2, ('a', 'c')), Fold(1, 2, ('b',)))
    assert group_name(['k', 'b']) == 'b'
    assert fold_holding_out(folds, ['k', 'b']) == 1
    with pytest.raises(DataError, match='0 folds hold out the group of k'):
        fold_holding_out(folds, ['k'])
    with pytest.raises(DataError, match='2 folds'):
        fold_holding_out(folds, ['a', 'b'])
