"""Which rows judge: parted, kept in the registry, and found again by what is kept."""

from datetime import timedelta

import numpy as np
import pytest

from chalicelib.ml.columns import Column
from chalicelib.ml.training.card import usual_value
from chalicelib.ml.training.folds import TooLittleData
from chalicelib.ml.training.hold_outs import (
    describe_by_entity,
    describe_in_time,
    folds_by_entity,
    folds_in_time,
    split_by_entity,
    split_in_time,
    unseen_rows,
)
from chalicelib.ml.training.rows import LabelledRows

GAP = timedelta(days=30)
DAYS = np.datetime64("2026-01-01", "us") + np.arange(300) * np.timedelta64(1, "D")
TIMED = LabelledRows({"x": np.arange(300.0)}, np.arange(300) % 2, np.arange(300) % 50, DAYS, "")
TIMELESS = LabelledRows(TIMED.table, TIMED.y, TIMED.who, None, "")


def test_a_version_parted_in_time_has_not_seen_what_came_after_its_last_label() -> None:
    split = split_in_time(TIMED, GAP, 0.2)
    stored = describe_in_time(TIMED, split, GAP)
    assert (stored["tipo"], stored["intervalo_dias"]) == ("temporal", 30)
    assert stored["linhas_treino"] + stored["linhas_validacao"] == 300 - 29
    unseen = unseen_rows(TIMED, stored)
    assert (unseen == split.validation).all()
    assert not unseen_rows(TIMELESS, stored).any()


def test_a_version_parted_by_entity_has_not_seen_those_it_held_out() -> None:
    split = split_by_entity(TIMELESS, 0.3, "s")
    unseen = unseen_rows(TIMELESS, describe_by_entity(split, 0.3, "s"))
    assert (unseen == split.validation).all()
    assert 0 < unseen.sum() < 150
    assert not set(TIMELESS.who[split.training]) & set(TIMELESS.who[split.validation])


def test_a_split_of_an_unknown_kind_proves_nothing() -> None:
    with pytest.raises(ValueError, match="sorteio"):
        unseen_rows(TIMED, {"tipo": "sorteio"})


def test_folds_stay_within_the_training_rows() -> None:
    training = split_in_time(TIMED, GAP, 0.2).training
    for folds in (
        folds_in_time(TIMED, training, GAP, 3, 0.2),
        folds_by_entity(TIMED, training, 3, 1),
    ):
        assert len(folds) == 3
        for fold in folds:
            assert fold.training.any()
            assert fold.validation.any()
            assert not (fold.training & fold.validation).any()
            assert not ((fold.training | fold.validation) & ~training).any()


def test_rows_without_time_are_not_parted_in_time() -> None:
    with pytest.raises(ValueError, match="no time"):
        split_in_time(TIMELESS, GAP, 0.2)
    with pytest.raises(TooLittleData):
        folds_by_entity(TIMELESS, np.arange(300) < 2, 3, 1)


def test_the_usual_value_leaves_out_what_is_missing_unless_that_is_usual() -> None:
    plan, income = Column("plano", "category"), Column("renda", "number")
    values = np.array(["a", None, None, "b", "b"], dtype=object)
    assert usual_value(plan, {"plano": values}) == "b"
    assert usual_value(plan, {"plano": [None]}) is None
    assert usual_value(plan, {"plano": ["a", None, None]}) is None
    assert usual_value(income, {"renda": [np.nan, np.nan, 3.0]}) is None
    assert usual_value(income, {"renda": [1.0, np.nan, 3.0]}) == 2.0
    assert usual_value(income, {"renda": [np.nan]}) is None
