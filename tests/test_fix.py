"""Changes, the corrected table, the patch, and the way back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from curatekit.audit.reviews import Reviews, read_reviews
from curatekit.dataset import from_lists
from curatekit.errors import InputError, VerificationFailed
from curatekit.files import sha256_file
from curatekit.fix import Change, Patch, changes, fixed, read_patch, restored, write_patch
from curatekit.readers import read_dataset
from curatekit.writers import write_table
from curatekit_cli.fix import command

LABELS = ["bad", "good", "bad", "good", "bad", "good"]
DATASET = from_lists([f"text {i}" for i in range(6)], LABELS, ids=[f"r{i}" for i in range(6)])


def issues(*rows: tuple[str, str, str, bool, float]) -> pl.DataFrame:
    names = ["id", "given_label", "suggested_label", "is_issue", "suggested_probability"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(reasons=pl.lit("because"))


FOUND = issues(
    ("r4", "bad", "good", True, 0.9),
    ("r1", "good", "bad", True, 0.6),
    ("r3", "good", "bad", True, 0.8),
    ("r0", "bad", "bad", False, 0.9),
)


def test_relabelling_changes_the_labels_of_issues_alone() -> None:
    made = changes(DATASET, FOUND)
    assert made[0] == Change("r4", 4, "relabel", "bad", "good", "because")
    table = fixed(DATASET.frame, "label", made)
    assert table["label"].to_list() == ["bad", "bad", "bad", "bad", "good", "good"]
    assert table.drop("label").equals(DATASET.frame.drop("label"))
    assert restored(table, "label", made).equals(DATASET.frame)


def test_dropping_leaves_the_rows_out_and_brings_them_back_in_place() -> None:
    made = changes(DATASET, FOUND, "drop")
    table = fixed(DATASET.frame, "label", made)
    assert table["id"].to_list() == ["r0", "r2", "r5"]
    assert restored(table, "label", made).equals(DATASET.frame)


SMALL = [pl.Int8, pl.Int16, pl.UInt8, pl.UInt16, pl.UInt64, pl.Float32, pl.List(pl.Int8), pl.Struct({"a": pl.UInt8})]


@pytest.mark.parametrize("dtype", SMALL, ids=str)
def test_dropped_rows_of_any_type_of_number_come_back(dtype: Any) -> None:
    value = [1] if dtype == pl.List else {"a": 1} if dtype == pl.Struct else 1
    table = DATASET.frame.with_columns(pl.Series("extra", [value, None] * 3, dtype=dtype))
    made = changes(dataclasses.replace(DATASET, frame=table), FOUND, "drop")
    assert len(made) == 3
    assert restored(fixed(table, "label", made), "label", made).equals(table)


@pytest.mark.parametrize(
    "value",
    [b"bytes", [b"bytes"], {"a": b"bytes"}, dt.time(1), dt.timedelta(1)],
    ids=["bytes", "list", "struct", "time", "duration"],
)
def test_a_type_that_a_patch_cannot_keep_is_refused(value: Any) -> None:
    table = DATASET.frame.with_columns(pl.Series("extra", [value] * 6))
    with pytest.raises(InputError, match="cannot be kept in a patch"):
        changes(dataclasses.replace(DATASET, frame=table), FOUND, "drop")


def test_the_most_doubtful_and_the_surest_can_be_chosen() -> None:
    assert [change.id for change in changes(DATASET, FOUND, top=2)] == ["r4", "r1"]
    assert [change.id for change in changes(DATASET, FOUND, min_suggested_probability=0.8)] == ["r4", "r3"]
    assert [change.id for change in changes(DATASET, FOUND, top=1, min_suggested_probability=0.7)] == ["r4"]
    assert changes(DATASET, FOUND.clear()) == []


@pytest.mark.parametrize(
    ("row", "error", "says"),
    [
        (("r9", "bad", "good", True, 0.9), InputError, "no row"),
        (("r0", "bad", "goood", True, 0.9), InputError, "Did you mean 'good'"),
        (("r0", "good", "bad", True, 0.9), VerificationFailed, "changed since"),
    ],
)
def test_issues_that_do_not_fit_the_data_are_refused(row: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        changes(DATASET, issues(row))


def test_a_table_that_is_no_list_of_issues_is_refused() -> None:
    with pytest.raises(InputError, match="'is_issue'"):
        changes(DATASET, FOUND.drop("is_issue"))
    with pytest.raises(InputError, match="no number"):
        changes(DATASET, FOUND.with_columns(suggested_probability=pl.lit("high")))


def test_labels_that_are_numbers_stay_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "text": ["one", "two", "three", "four"],
            "label": [1, 0, 1, 0],
            "when": [dt.date(2026, 1, day) for day in (1, 2, 3, 4)],
            "tags": [["x"], [], ["y", "z"], None],
            "weight": [0.1, None, 1e-9, 3.0],
        }
    )
    write_table(frame, tmp_path / "data.parquet")
    dataset = read_dataset(tmp_path / "data.parquet", "text", "label", "id")
    found = issues(("a", "1", "0", True, 0.9), ("d", "0", "1", True, 0.9))
    for policy in ("relabel", "drop"):
        made = changes(dataset, found, policy)  # type: ignore[arg-type]
        table = fixed(dataset.frame, "label", made)
        assert table.schema == frame.schema
        assert restored(table, "label", made).equals(frame)
    assert fixed(dataset.frame, "label", changes(dataset, found))["label"].to_list() == [0, 0, 1, 1]


def test_with_both_the_sure_are_relabelled_and_the_others_dropped() -> None:
    made = changes(DATASET, FOUND, "both", min_suggested_probability=0.8)
    sure = {change.id for change in changes(DATASET, FOUND, min_suggested_probability=0.8)}
    every = {change.id for change in changes(DATASET, FOUND, "drop")}
    assert {change.id for change in made if change.action == "relabel"} == sure
    assert {change.id for change in made if change.action == "drop"} == every - sure
    assert sure
    assert every - sure
    table = fixed(DATASET.frame, "label", made)
    assert len(table) == len(DATASET) - len(every - sure)
    assert restored(table, "label", made).equals(DATASET.frame)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), n=st.integers(1, 12), policy=st.sampled_from(["relabel", "drop", "both"]))
def test_any_change_can_be_undone_through_its_file(data: st.DataObject, n: int, policy: str) -> None:
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
    texts = data.draw(st.lists(text, min_size=n, max_size=n))
    labels = data.draw(st.lists(st.sampled_from(["x", "y", "z ñ", '"q",']), min_size=n, max_size=n))
    dataset = from_lists(texts, labels, ids=[str(i) for i in range(n)])
    rows = data.draw(st.lists(st.integers(0, n - 1), unique=True, max_size=n))
    other = dict(zip(dataset.classes, (*dataset.classes[1:], dataset.classes[0]), strict=True))
    found = issues(*((str(i), labels[i], other[labels[i]], True, 1.0 if i % 2 else 0.1) for i in rows))
    made = tuple(changes(dataset, found, policy, min_suggested_probability=0.5)) if rows else ()  # type: ignore[arg-type]
    as_read = tuple(Change(**json.loads(json.dumps(dataclasses.asdict(change)))) for change in made)
    assert restored(fixed(dataset.frame, "label", made), "label", as_read).equals(dataset.frame)


def test_a_patch_is_read_as_it_was_written(tmp_path: Path) -> None:
    patch = Patch("label", "0" * 64, "fixed.csv", "1" * 64, tuple(changes(DATASET, FOUND, "drop")))
    write_patch(patch, tmp_path / "patch.jsonl")
    assert read_patch(tmp_path / "patch.jsonl") == patch
    with pytest.raises(InputError, match="no file"):
        read_patch(tmp_path / "other.jsonl")
    for content in ("", "{}", "[1]", "not json", '{"format": "curatekit patch 1"}', '{"format": "other"}'):
        (tmp_path / "bad.jsonl").write_text(content)
        with pytest.raises(InputError, match="no patch"):
            read_patch(tmp_path / "bad.jsonl")


def test_a_text_with_line_separators_of_unicode_comes_back(tmp_path: Path) -> None:
    dataset = from_lists(["a\u2028b", "c\u0085d", "e\u2029"], ["x", "y", "y"], ids=["r0", "r1", "r2"])
    made = tuple(changes(dataset, issues(("r0", "x", "y", True, 0.9)), "drop"))
    write_patch(Patch("label", "0" * 64, "fixed.csv", "1" * 64, made), tmp_path / "patch.jsonl")
    assert read_patch(tmp_path / "patch.jsonl").changes == made


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A csv with its issues and their manifest, as `curate find-errors` leaves them."""
    from curatekit.run import recorded

    lines = ["id,text,mood,extra", *(f'{id},"text, {id}",{label},' for id, label in zip("012345", LABELS, strict=True))]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    found = FOUND.with_columns(pl.col("id").str.strip_prefix("r"))
    with recorded("find-errors", {"text": ["text"], "label": "mood", "id": "id", "on_bad_row": "fail"}) as made:
        made.input(tmp_path / "data.csv")
        write_table(found, tmp_path / "issues.csv")
        made.output(tmp_path / "issues.csv")
    return tmp_path


@pytest.mark.parametrize("policy", ["relabel", "drop"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_command_fixes_and_undoes(folder: Path, policy: str, suffix: str) -> None:
    output, back = folder / f"fixed{suffix}", folder / "restored.csv"
    ran = run(folder / "issues.csv", "-o", output, "--policy", policy)
    assert ran.exit_code == 0, ran.output
    assert "3 of 6 rows" in ran.output
    assert output.with_name(f"fixed{suffix}.run.json").exists()
    ran = run("--undo", folder / f"fixed{suffix}.patch.jsonl", "-o", back)
    assert ran.exit_code == 0, ran.output
    assert read_dataset(back, "text", "mood", "id").frame.equals(
        read_dataset(folder / "data.csv", "text", "mood", "id").frame
    )


def test_the_original_comes_back_byte_for_byte(folder: Path) -> None:
    write_table(pl.DataFrame({"id": list("012345"), "text": list("abcdef"), "mood": LABELS}), folder / "data.csv")
    options = ("--data", folder / "data.csv", "--label", "mood")
    (folder / "issues.csv.run.json").unlink()
    for policy in ("relabel", "drop"):
        assert run(folder / "issues.csv", *options, "-o", folder / "fixed.csv", "--policy", policy).exit_code == 0
        ran = run("--undo", folder / "fixed.csv.patch.jsonl", "-o", folder / "restored.csv", "--json")
        assert json.loads(ran.stdout)["identical"] is True
        assert (folder / "restored.csv").read_bytes() == (folder / "data.csv").read_bytes()


def test_data_that_changed_are_refused(folder: Path) -> None:
    (folder / "data.csv").write_text((folder / "data.csv").read_text() + "6,more,good,\n")
    ran = run(folder / "issues.csv", "-o", folder / "fixed.csv")
    assert ran.exit_code == 5
    assert "not the file" in ran.output
    assert not (folder / "fixed.csv").exists()
    (folder / "data.csv").unlink()
    assert run(folder / "issues.csv", "-o", folder / "fixed.csv").exit_code == 2
    (folder / "issues.csv.run.json").unlink()
    assert "--data" in run(folder / "issues.csv", "-o", folder / "fixed.csv").output


def test_a_corrected_file_that_changed_is_not_undone(folder: Path) -> None:
    assert run(folder / "issues.csv", "-o", folder / "fixed.csv").exit_code == 0
    (folder / "fixed.csv").write_text("id,text,mood,extra\n")
    assert run("--undo", folder / "fixed.csv.patch.jsonl", "-o", folder / "restored.csv").exit_code == 5
    assert not (folder / "restored.csv").exists()


def test_class_counts_are_told_and_a_halved_class_is_warned_of(folder: Path) -> None:
    ran = run(folder / "issues.csv", "-o", folder / "fixed.csv", "--json")
    counts = [{"label": "bad", "before": 3, "after": 4}, {"label": "good", "before": 3, "after": 2}]
    assert json.loads(ran.stdout)["classes"] == counts
    ran = run(folder / "issues.csv", "-o", folder / "fixed.csv", "--policy", "drop")
    assert "good: 3 rows, now 1" in ran.stdout
    assert "'good' falls from 3 rows to 1" in ran.stderr


def test_one_of_issues_and_undo_is_needed(folder: Path) -> None:
    assert run("-o", folder / "x.csv").exit_code == 2
    assert run(folder / "issues.csv", "--undo", folder / "p", "-o", folder / "x.csv").exit_code == 2
    assert run(folder / "issues.csv", "-o", folder / "none" / "x.csv").exit_code == 2


def test_rows_that_cannot_be_used_are_set_aside_again(folder: Path) -> None:
    with (folder / "data.csv").open("a") as file:
        file.write("9,,bad,\n")
    manifest = json.loads((folder / "issues.csv.run.json").read_text())
    manifest["parameters"]["on_bad_row"] = "skip"
    manifest["inputs"][0]["sha256"] = sha256_file(folder / "data.csv")
    (folder / "issues.csv.run.json").write_text(json.dumps(manifest))
    ran = run(folder / "issues.csv", "-o", folder / "fixed.csv")
    assert ran.exit_code == 3, ran.output
    assert json.loads((folder / "fixed.csv.skipped.jsonl").read_text())["id"] == "9"
    assert len(pl.read_csv(folder / "fixed.csv")) == 6


def test_the_data_are_not_written_over(folder: Path) -> None:
    ran = run(folder / "issues.csv", "-o", folder / "data.csv")
    assert ran.exit_code == 2
    assert "would replace the input" in ran.output


def test_normalised_labels_are_written_as_they_were_read(folder: Path) -> None:
    text = (folder / "data.csv").read_text().replace('text, 2",bad', 'text, 2",Bad ')
    assert "Bad ," in text
    (folder / "data.csv").write_text(text)
    manifest = json.loads((folder / "issues.csv.run.json").read_text())
    manifest["parameters"]["normalise_labels"] = True
    manifest["inputs"][0]["sha256"] = sha256_file(folder / "data.csv")
    (folder / "issues.csv.run.json").write_text(json.dumps(manifest))
    ran = run(folder / "issues.csv", "-o", folder / "fixed.csv")
    assert ran.exit_code == 0, ran.output
    assert set(read_dataset(folder / "fixed.csv", "text", "mood", "id").classes) == {"bad", "good"}
    assert run("--undo", folder / "fixed.csv.patch.jsonl", "-o", folder / "back.csv").exit_code == 0
    assert (folder / "back.csv").read_text().count("Bad ,") == 1


def test_the_command_asks_for_a_threshold_with_both(folder: Path) -> None:
    ran = run(folder / "issues.csv", "-o", folder / "both.csv", "--policy", "both")
    assert ran.exit_code == 2
    assert "needs --min-suggested-probability" in ran.stderr
    ran = run(folder / "issues.csv", "-o", folder / "both.csv", "--policy", "both", "--min-suggested-probability", 0.8)
    assert ran.exit_code == 0, ran.output
    assert "rows changed (" in ran.stdout


def verdicts(path: Path, **said: str | None) -> Path:
    pl.DataFrame({"id": list(said), "verdict": list(said.values())}, schema_overrides={"verdict": pl.String}).write_csv(
        path
    )
    return path


def reviewed(folder: Path, **said: str | None) -> Reviews:
    return read_reviews([verdicts(folder / "review.csv", **said)], DATASET)


def test_reviewed_alone_changes_what_people_decided(tmp_path: Path) -> None:
    # r5 is no issue at all, r4 and r3 are issues that nobody reviewed
    said = reviewed(tmp_path, r5="bad", r1="keep", r0="drop", r2="unsure")
    made = changes(DATASET, FOUND, "reviewed", reviews=said)
    assert [(change.id, change.action, change.new) for change in made] == [
        ("r5", "relabel", "bad"),
        ("r0", "drop", None),
    ]
    assert [change.reason for change in made] == ["reviewed: bad", "reviewed: drop"]
    table = fixed(DATASET.frame, "label", made)
    assert table["id"].to_list() == ["r1", "r2", "r3", "r4", "r5"]
    assert table["label"].to_list() == ["good", "bad", "good", "bad", "bad"]
    assert restored(table, "label", made).equals(DATASET.frame)


@pytest.mark.parametrize(
    ("unnamed", "expected"),
    [
        # r4's suggestion is good, r0's is its given label, r2 is not among the issues
        ("drop", {"r4": None, "r0": None, "r2": None}),
        ("suggested", {"r4": "good", "r0": None, "r2": None}),
        ("leave", {}),
    ],
)
def test_a_wrong_label_whose_right_one_nobody_named(tmp_path: Path, unnamed: Any, expected: dict[str, Any]) -> None:
    said = reviewed(tmp_path, r4="wrong", r0="wrong", r2="wrong")
    made = changes(DATASET, FOUND, "reviewed", reviews=said, unnamed=unnamed)
    assert {change.id: change.new for change in made} == expected
    assert said.n_unnamed == 3


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    said=st.dictionaries(
        st.sampled_from([f"r{i}" for i in range(6)]),
        st.sampled_from(["good", "bad", "keep", "wrong", "drop"]),
        min_size=1,
    ),
    policy=st.sampled_from(["relabel", "drop", "both", "reviewed"]),
    top=st.sampled_from([None, 1, 2]),
)
def test_no_policy_overrules_a_review(said: dict[str, str], policy: Any, top: int | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reviews = reviewed(Path(folder), **said)
    made = changes(DATASET, FOUND, policy, top=top, min_suggested_probability=0.7, reviews=reviews)
    new = {change.id: change.new for change in made}
    for id, verdict in said.items():
        given = LABELS[int(id[1:])]
        right = verdict in ("keep", given)
        assert (id in new) != right
        assert right or new[id] == (verdict if verdict in ("good", "bad") else None)
    others = changes(DATASET, FOUND, policy, min_suggested_probability=0.7) if policy != "reviewed" else []
    expected = [change for change in others if change.id not in said][:top]
    assert [change for change in made if change.id not in said] == expected
    assert restored(fixed(DATASET.frame, "label", made), "label", made).equals(DATASET.frame)


def test_an_issue_that_stands_twice_is_refused() -> None:
    with pytest.raises(InputError, match="'r1' more than once"):
        changes(DATASET, pl.concat([FOUND, FOUND[1:2]]), "drop")


def test_the_command_applies_reviews_and_undoes_them(folder: Path) -> None:
    review = verdicts(folder / "review.csv", **{"5": "bad", "1": "keep", "3": "drop", "4": "wrong", "2": None})
    output = folder / "fixed.csv"
    ran = run(folder / "issues.csv", "--policy", "reviewed", "--reviews", review, "-o", output)
    assert ran.exit_code == 0, ran.output
    assert "3 of 6 rows changed (1 relabelled, 2 dropped)" in ran.stdout
    assert (
        "4 rows were reviewed: 1 are right and stay; 1 are wrong, but no right label was named: left out." in ran.stdout
    )
    assert pl.read_csv(output)["mood"].to_list() == ["bad", "good", "bad", "bad"]
    manifest = json.loads((folder / "fixed.csv.run.json").read_text())
    assert [Path(entry["path"]).name for entry in manifest["inputs"]] == ["issues.csv", "data.csv", "review.csv"]
    assert manifest["metrics"]["reviews"] == {"reviewed": 4, "right": 1, "unnamed": 1}
    assert run("--undo", f"{output}.patch.jsonl", "-o", folder / "restored.csv").exit_code == 0
    assert read_dataset(folder / "restored.csv", "text", "mood", "id").frame.equals(
        read_dataset(folder / "data.csv", "text", "mood", "id").frame
    )
    # without the policy the other issues follow too: here none is left but those reviewed
    ran = run(folder / "issues.csv", "--reviews", review, "-o", output, "--unnamed", "leave", "--json")
    assert json.loads(ran.stdout)["changed"] == 2


def test_reviews_that_the_issues_were_audited_by_are_remembered(folder: Path) -> None:
    review = verdicts(folder / "review.csv", **{"1": "keep", "0": "drop"})
    manifest = json.loads((folder / "issues.csv.run.json").read_text())
    manifest["parameters"]["reviews"] = ["review.csv"]
    manifest["inputs"].append({"path": "review.csv", "sha256": sha256_file(review)})
    (folder / "issues.csv.run.json").write_text(json.dumps(manifest))
    ran = run(folder / "issues.csv", "-o", folder / "fixed.csv")
    assert ran.exit_code == 0, ran.output
    assert pl.read_csv(folder / "fixed.csv")["mood"].to_list() == ["good", "bad", "bad", "good", "good"]
    assert "2 rows were reviewed: 1 are right and stay." in ran.stdout
    review.unlink()
    ran = run(folder / "issues.csv", "-o", folder / "never.csv")
    assert ran.exit_code == 2
    assert "review.csv" in ran.stderr


@pytest.mark.parametrize(
    ("said", "more", "says"),
    [
        ({"9": "bad"}, (), "reviews '9', no row of"),
        ({"1": "baad"}, (), "Did you mean 'bad'"),
        ({"1": None}, (), "no row is reviewed yet"),
        ({"1": "bad"}, ("--top", 1), "Leave one of the two out"),
        ({"1": "bad"}, ("--min-suggested-probability", 0.5), "Leave one of the two out"),
        (None, (), "--policy reviewed needs --reviews"),
        (None, ("--policy", "drop", "--unnamed", "leave"), "--unnamed is for rows"),
    ],
)
def test_reviews_that_cannot_be_applied_are_refused(folder: Path, said: Any, more: Any, says: str) -> None:
    reviews = () if said is None else ("--reviews", verdicts(folder / "review.csv", **said))
    before = sorted(folder.iterdir())
    ran = run(folder / "issues.csv", "--policy", "reviewed", *reviews, *more, "-o", folder / "never.csv")
    assert ran.exit_code == 2, ran.output
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert sorted(folder.iterdir()) == before


def test_reviews_that_contradict_each_other_are_refused(folder: Path) -> None:
    one, two = verdicts(folder / "one.csv", **{"1": "keep"}), verdicts(folder / "two.csv", **{"1": "bad"})
    ran = run(folder / "issues.csv", "--reviews", one, "--reviews", two, "-o", folder / "never.csv")
    assert ran.exit_code == 2
    assert "the reviews contradict each other on row '1'" in ran.stderr
    assert not (folder / "never.csv").exists()
