"""One label space: renamings, and sets whose labels do not meet."""

from __future__ import annotations

import pytest

from curatekit.compare_labels.label_space import one_space, renamed, renamings
from curatekit.dataset import from_lists
from curatekit.errors import InputError
from curatekit.reporting import reporting
from tests.notes import Notes

LABELS = {"a.csv": ["hate", "offensive", "none"], "b.csv": ["hateful", "none", "skip"]}


def test_for_all_sets_or_for_one() -> None:
    assert renamings(LABELS, ["none=not", "a.csv:offensive=not", "b.csv:hateful=hate", "b.csv:skip="]) == {
        "a.csv": {"offensive": "not", "none": "not"},
        "b.csv": {"hateful": "hate", "none": "not", "skip": ""},
    }


def test_every_other_label_and_the_sets_own_first() -> None:
    assert renamings(LABELS, ["*=not", "a.csv:hate=hateful", "b.csv:hateful=hateful"]) == {
        "a.csv": {"hate": "hateful", "offensive": "not", "none": "not"},
        "b.csv": {"none": "not", "skip": "not"},
    }
    assert renamings(LABELS, ["none=x", "b.csv:none=y"]) == {"a.csv": {"none": "x"}, "b.csv": {"none": "y"}}


def test_labels_may_change_places_and_hold_the_signs() -> None:
    labels = {"a": ["x", "y", "b:x=1", "p=q"], "b": ["x"]}
    assert renamings(labels, ["a:x=y", "a:y=x"])["a"] == {"x": "y", "y": "x"}
    assert renamings(labels, ["b:x=1=2"])["a"] == {"b:x=1": "2"} or renamings(labels, ["b:x=1=2"])["b"] == {"x": "1=2"}
    assert renamings(labels, ["p=q=r"])["a"] == {"p=q": "r"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("none", "is no renaming. Write OLD=NEW"),
        ("hat=x", "'hat' is no label of any of the datasets. Did you mean 'hate'"),
        ("b.csv:hate=x", "'hate' is no label of b.csv. Did you mean 'hateful'"),
        ("c.csv:hate=x", "DATA may be 'a.csv', 'b.csv'"),
    ],
)
def test_what_names_no_label_is_refused(spec: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        renamings(LABELS, [spec])
    assert said in str(refused.value)


def test_two_new_names_of_one_label_are_refused() -> None:
    with pytest.raises(InputError, match="rename one label twice"):
        renamings(LABELS, ["none=x", "none=y"])
    assert renamings(LABELS, ["none=x", "none=x"])["a.csv"] == {"none": "x"}


def test_rows_are_renamed_and_left_out_with_a_note() -> None:
    dataset = from_lists(["1", "2", "3", "4"], ["hate", "offensive", "none", "hate"])
    notes = Notes()
    with reporting(notes):
        found = renamed("a.csv", dataset, {"offensive": "", "none": "hate"})
    assert found.texts == ("1", "3", "4")
    assert found.label_names == ("hate", "hate", "hate")
    assert found.classes == ("hate",)
    assert notes.lines == ["a.csv: 1 of 4 rows are left out, labelled 'offensive'."]
    assert renamed("a.csv", dataset, {}) is dataset
    with pytest.raises(InputError, match="leaves out every row"):
        renamed("a.csv", dataset, dict.fromkeys(dataset.classes, ""))


def test_the_same_classes_for_all() -> None:
    sets = {"a": from_lists(["1", "2"], ["y", "x"]), "b": from_lists(["3", "4"], ["x", "y"])}
    found = one_space(sets)
    assert {one.classes for one in found.values()} == {("x", "y")}
    assert [one.label_names for one in found.values()] == [("y", "x"), ("x", "y")]


def test_labels_that_do_not_meet_are_listed_with_a_renaming_that_helps() -> None:
    sets = {"a": from_lists(["1", "2"], ["hate", "not"]), "b": from_lists(["3", "4"], ["hateful", "not"])}
    with pytest.raises(InputError) as refused:
        one_space(sets)
    said = str(refused.value)
    assert "a: 'hate', 'not'. b: 'hateful', 'not'." in said
    assert "--map 'a:hate=hateful'" in said
    assert "--different-labels" in said
    assert one_space(sets, different_labels=True)["a"].classes == ("hate", "hateful", "not")
    # following the advice helps
    renaming = renamings({name: one.classes for name, one in sets.items()}, ["a:hate=hateful"])
    one_space({name: renamed(name, one, renaming[name]) for name, one in sets.items()})
    apart = {**sets, "b": from_lists(["3", "4"], ["x", "y"])}
    with pytest.raises(InputError) as refused:
        one_space(apart, different_labels=True)
    assert "--different-labels" not in str(refused.value)
    fewer = {"a": from_lists(["1", "2"], ["x", "y"]), "b": from_lists(["1", "2", "3"], ["x", "y", "z"])}
    with pytest.raises(InputError, match="--map 'b:z=x'"):
        one_space(fewer)
