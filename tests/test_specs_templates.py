"""Templates with slots: every combination, drawn or all, and tests that share with no example what divides them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curatekit.errors import InputError
from curatekit.specs import folded, read_specifications, specification_files
from curatekit.specs.sides import on_test_side
from curatekit.specs.templates import MOST, expansions, held_out

GROUPS = ["women", "immigrants", "nurses", "bakers", "pilots", "monks"]


def spec(folder: Path, *entries: dict[str, Any], **top: Any) -> Path:
    path = folder / "specs.json"
    path.write_text(json.dumps({"specifications": entries, **top}), encoding="utf-8")
    return path


def entry(**changes: Any) -> dict[str, Any]:
    templates = ["I {feel} {group}.", "To {group}: {{thanks}}, {group}!"]
    return {"id": "a", "label": "x", "templates": templates, "slots": {"feel": ["love", "admire"]}, **changes}


def test_a_word_in_escaped_braces_is_no_slot(tmp_path: Path) -> None:
    """Though a lexicon has its name."""
    path = spec(tmp_path, entry(templates=["Write {{group}} to {feel} it."], tests=["t"]), lexicons={"group": GROUPS})
    (found,) = read_specifications(path)
    assert found.examples == ("Write {group} to love it.", "Write {group} to admire it.")


fillers = st.lists(st.text("abcxyz", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@given(st.fixed_dictionaries({"one": fillers, "two": fillers, "six": fillers}))
def test_the_expansions_are_those_of_nested_loops(slots: dict[str, list[str]]) -> None:
    templates = ["{one} and {two}", "{six}: {one}, {one}", "nothing {{in}} it"]
    found = expansions(templates, slots, "here")
    by_hand = [f"{one} and {two}" for one, two in itertools.product(slots["one"], slots["two"])]
    by_hand += [f"{six}: {one}, {one}" for six, one in itertools.product(slots["six"], slots["one"])]
    assert list(found.texts) == list(dict.fromkeys([*by_hand, "nothing {in} it"]))
    assert [templates[which].format(**of) for which, of in zip(found.templates, found.fillers, strict=True)] == list(
        found.texts
    )


@given(
    st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=12, unique_by=folded),
    st.lists(st.text(min_size=1, max_size=6), max_size=12),
)
def test_a_side_hangs_on_the_text_alone_and_both_have_one(texts: list[str], others: list[str]) -> None:
    sides = on_test_side(texts)
    assert sides.any()
    assert not sides.all()
    assert (
        on_test_side([text.upper() + " " for text in texts if folded(text.upper() + " ") == folded(text)]).dtype == bool
    )
    together = dict(zip([*texts, *others], on_test_side([*texts, *others]).tolist(), strict=True))
    # only the first and the last by hash may be moved, so that neither side is empty
    assert sum(together[text] != side for text, side in zip(texts, sides.tolist(), strict=True)) <= 2


@pytest.mark.parametrize("by", [None, "group", "feel", "template", "expansion"])
def test_no_test_shares_with_an_example_what_divides_them(by: str | None) -> None:
    slots = {"feel": ["love", "admire", "like", "praise"], "group": GROUPS}
    templates = ["I {feel} {group}.", "{group}? We {feel} them.", "Who would not {feel} {group}?"]
    found = expansions(templates, slots, "here")
    tests = held_out(found, slots, by, "here")
    assert 0 < tests.sum() < len(tests) == 3 * 4 * 6
    examined = {
        "template": found.templates,
        "expansion": found.texts,
        **{slot: tuple(of[slot] for of in found.fillers) for slot in slots},
    }[by or "group"]
    sides = np.array(examined, object)
    assert not set(sides[tests].tolist()) & set(sides[~tests].tolist())


def test_a_list_of_words_is_shared_and_divided_alike_in_every_specification(tmp_path: Path) -> None:
    one = entry()
    two = entry(id="b", label="y", templates=["We fear {people}.", "{people} are many."], slots={"people": "group"})
    one, two = read_specifications(spec(tmp_path, one, two, lexicons={"group": GROUPS}), tests=True)

    def used(texts: tuple[str, ...] | None) -> set[str]:
        return {group for group in GROUPS if any(group in text for text in texts or ())}

    assert used(one.examples) == used(two.examples)
    assert used(one.tests) == used(two.tests)
    assert not used(one.examples) & used(two.tests)
    assert used(one.examples) | used(one.tests) == set(GROUPS)
    assert not one.weak


def test_without_tests_the_examples_are_the_same(tmp_path: Path) -> None:
    path = spec(tmp_path, entry(), lexicons={"group": GROUPS})
    (both,), (alone,) = read_specifications(path, tests=True), read_specifications(path)
    assert alone.tests is None
    assert alone.examples == both.examples
    assert not set(both.examples) & set(both.tests or ())
    assert len(both.examples) + len(both.tests or ()) == 2 * 6 + 6


def test_tests_that_are_written_leave_all_expansions_to_the_examples(tmp_path: Path) -> None:
    (found,) = read_specifications(
        spec(tmp_path, entry(tests=["Two."], examples=["One."]), lexicons={"group": GROUPS}), True
    )
    assert found.examples[:2] == ("One.", "I love women.")
    assert len(found.examples) == 1 + 18
    assert found.tests == ("Two.",)


def test_a_sample_is_drawn_by_its_seed(tmp_path: Path) -> None:
    many = {"a": [f"a{n}" for n in range(100)], "b": [f"b{n}" for n in range(100)], "c": [f"c{n}" for n in range(100)]}

    def drawn(**changes: Any) -> set[str]:
        made = {"templates": ["{a} {b} {c}"], "slots": many, "tests_by": "expansion", **changes}
        (found,) = read_specifications(spec(tmp_path, entry(**made)), tests=True)
        return {*found.examples, *(found.tests or ())}

    assert drawn(sample=50) == drawn(sample=50, seed=0)
    assert len(drawn(sample=50)) == 50
    assert drawn(sample=50) != drawn(sample=50, seed=1)
    with pytest.raises(InputError, match=f"1,000,000 expansions, over {MOST:,}"):
        drawn()


def test_a_list_of_words_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "groups.csv").write_text("text\n" + "\n".join(GROUPS), encoding="utf-8")
    path = spec(tmp_path, entry(), lexicons={"group": {"file": "groups.csv"}})
    assert len(read_specifications(path)[0].examples) > 1
    assert specification_files(path) == (path, tmp_path / "groups.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"templates": ["I {fel} it."]},
            "the slot {fel} of the template 'I {fel} it.' has no fillers. Did you mean 'feel'",
        ),
        ({"templates": ["Nothing."]}, "no template has the slot {feel}"),
        ({"templates": ["I {feel it."]}, "is none (expected '}' before end of string)"),
        ({"templates": ["I {feel.real} it."]}, "more than a name in braces"),
        ({"templates": ["I {feel!r} it."]}, "more than a name in braces"),
        ({"templates": ["I {} it."]}, "more than a name in braces"),
        ({"templates": "I {feel} it."}, "templates are a list of texts"),
        ({"slots": {"feel": "feelings"}}, "takes the lexicon 'feelings', which is not there"),
        ({"slots": {"feel": []}}, "slot 'feel': there are none"),
        ({"slots": ["feel"]}, "slots map each name to its fillers"),
        ({"sample": "all"}, "sample is 'all'. Give a whole number of 1 to 1,000"),
        ({"sample": "0"}, "sample is '0'"),
        ({"seed": "-1"}, "seed is '-1'"),
        ({"tests_by": "groop"}, "tests_by is 'groop'. Did you mean 'group'"),
        ({"templates": [], "examples": ["One."]}, "has 'templates' and no templates"),
        ({"templates": ["I {feel} it."], "slots": {"feel": ["love"]}}, "all 1 expansions are"),
    ],
)
def test_templates_that_cannot_be_meant_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_specifications(spec(tmp_path, entry(**changes), lexicons={"group": GROUPS}))
    assert message in str(raised.value)
