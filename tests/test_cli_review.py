"""curate review: the terminal twin, the export, and what the cache adds; the page itself is tested in test_review_page."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.errors import InputError
from curatekit.specs import read_specifications
from curatekit_cli.find_errors import command as find_errors
from curatekit_cli.fix import command as fix
from curatekit_cli.review import command as review
from tests.review_sample import write_issues


def invoke(command: Any, *arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=input)


def test_the_terminal_is_the_same_desk(tmp_path: Path) -> None:
    issues = write_issues(tmp_path, 30, ["first\x1b[31m\u202e", "second"])
    keys = "a\nk\n3\no compl\nx\nw\nu\ns\nn a note\n>\n<\n/ number 29\np late\ne\n?\n!\no nothing\nz\nz\nq\n"
    ran = invoke(review, issues, "--terminal", "--reviewer", "anna", input=keys)
    assert ran.exit_code == 0, ran.output
    assert "\x1b" not in ran.stdout
    assert "first\\u001b[31m\\u202e" in ran.stdout
    assert "NOT SAVED. 'nothing' is no label" in ran.stdout
    assert "'!' is no key here" in ran.stdout
    assert "no estimate of the whole" in ran.stdout
    assert "6 of 30 rows are decided" in ran.stdout
    ran = invoke(review, issues, "--export", tmp_path / "r.csv", "--json")
    assert json.loads(ran.stdout)["decided"] == 6
    rows = {row["id"]: row["verdict"] for row in pl.read_csv(tmp_path / "r.csv").iter_rows(named=True)}
    assert rows == {
        "m0": "praise", "m1": "praise", "m2": "request", "m3": "complaint", "m4": "drop", "m5": "wrong", "m6": "unsure",
    }  # fmt: skip
    specs = tmp_path / "issues.csv.decisions.sqlite.specs.yaml"
    with pytest.raises(InputError, match="'late'\\) is a draft"):
        read_specifications(specs)  # here nobody was asked for a statement
    specs.write_text(specs.read_text().replace('- "draft": "true"\n  "id"', '- "id"'))
    (draft,) = read_specifications(specs)
    assert draft.examples == ("message number 29",)
    manifest = json.loads((tmp_path / "r.csv.run.json").read_text())
    assert manifest["metrics"]["reviewers"] == ["anna"]


def test_at_the_end_of_the_rows_there_is_still_undo(tmp_path: Path) -> None:
    ran = invoke(review, write_issues(tmp_path, 2), "--terminal", input="k\nk\nk\nz\n")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.count("No row is left here") == 2
    assert "1 of 2 rows are decided" in ran.stdout


def test_what_is_unsure_or_disputed_alone_is_exported_too(tmp_path: Path) -> None:
    issues = write_issues(tmp_path, 3)
    out = tmp_path / "r.csv"
    assert invoke(review, issues, "--terminal", "--reviewer", "anna", input="u\n").exit_code == 0
    ran = invoke(review, issues, "--export", out)
    assert ran.exit_code == 0, ran.output
    assert "0 rows decided by anna, 1 unsure" in ran.stdout
    assert "nothing yet that curate fix could do" in ran.stdout
    assert pl.read_csv(out)["verdict"].to_list() == ["unsure"]
    for name, key in (("ben", "k"), ("eva", "x")):
        assert invoke(review, issues, "--terminal", "--reviewer", name, input=f"{key}\n").exit_code == 0
    ran = invoke(review, issues, "--export", out, "--json")
    assert ran.exit_code == 0, ran.output
    assert {name: json.loads(ran.stdout)[name] for name in ("decided", "unsure", "disputed")} == {
        "decided": 0, "unsure": 0, "disputed": 1,
    }  # fmt: skip


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    issues = write_issues(tmp_path, 10)
    (tmp_path / "other.sqlite").write_text("no database, " * 300)
    cases: list[tuple[list[object], int, str]] = [
        ([tmp_path / "nothing.csv"], 2, "does not exist"),
        ([issues, "--reviewer", "\n"], 2, "no name of a reviewer"),
        ([issues, "--store", tmp_path / "other.sqlite"], 5, "no file of decisions"),
        ([issues, "--export", tmp_path / "r.csv"], 2, "no decision on these rows. Review first: curate review"),
        ([issues, "--export", tmp_path / "r.doc"], 2, "suffix"),
        ([issues, "--export", tmp_path / "nowhere" / "r.csv"], 2, "does not exist"),
    ]
    for arguments, code, says in cases:
        ran = invoke(review, *arguments, "--terminal", input="")
        assert ran.exit_code == code, ran.output
        assert says in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "r.csv").exists()


def test_without_the_extra_there_is_one_sentence_with_the_line_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "starlette" else real(name, *more)
    )
    ran = invoke(review, write_issues(tmp_path, 3))
    assert ran.exit_code == 2
    assert "needs starlette. Install it: pip install 'curatekit[review]', or use --terminal" in ran.stderr


def test_the_terminal_and_the_export_need_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.split(".")[0] in ("starlette", "jinja2", "uvicorn"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    issues = write_issues(tmp_path, 3)
    assert invoke(review, issues, "--terminal", input="k\n").exit_code == 0
    assert invoke(review, issues, "--export", tmp_path / "r.csv").exit_code == 0


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    import socket

    pytest.importorskip("uvicorn", reason="the extra 'review' is not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = invoke(review, write_issues(tmp_path, 3), "--no-open", "--port", taken.getsockname()[1])
    assert ran.exit_code == 2
    assert "Choose another with --port" in ran.stderr


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, encoder: object) -> Path:
    """Issues that find-errors found in 60 real sentences, so that the cache holds their neighbours."""
    folder = tmp_path_factory.mktemp("found")
    things, moods = (
        ("train", "hotel", "phone", "garden", "doctor"),
        {"good": ("lovely", "perfect"), "bad": ("broken", "awful")},
    )
    rows = [
        (f"the {thing} was {word}, {n} times", mood)
        for n in range(3)
        for thing in things
        for mood, words in moods.items()
        for word in words
    ]
    pl.DataFrame(rows, schema=["text", "label"], orient="row").write_csv(folder / "data.csv")
    ran = invoke(find_errors, folder / "data.csv", "-o", folder / "issues.csv")
    assert ran.exit_code == 0, ran.output
    return folder / "issues.csv"


def test_the_cache_adds_neighbours_probabilities_and_pvi(found: Path) -> None:
    """Against the artifacts themselves; nothing is computed for it."""
    from curatekit.artifacts import Artifacts, Settings
    from curatekit.readers import read_dataset
    from curatekit.review.evidence import read_evidence
    from curatekit.review.queue import read_queue
    from curatekit.scores.pvi import pvi

    queue = read_queue(found)
    evidence = read_evidence(found, queue)
    assert evidence.missing == ""
    dataset = read_dataset(found.with_name("data.csv"))
    metrics = json.loads(found.with_name("issues.csv.run.json").read_text())["metrics"]
    artifacts = Artifacts(dataset, Settings(neighbours=metrics["neighbours"]["k"]))
    bits = pvi(artifacts.labels, artifacts.pred_probs, artifacts.null_probs)
    for row in (0, 7, 59):
        own = dataset.ids.tolist().index(queue.frame["id"][row])
        neighbours = evidence.neighbours_of(row)
        assert [n.text for n in neighbours] == [dataset.texts[other] for other in artifacts.neighbours.rows[own][:8]]
        assert [n.label for n in neighbours] == [
            dataset.label_names[other] for other in artifacts.neighbours.rows[own][:8]
        ]
        assert dict(evidence.probabilities_of(row)) == dict(
            zip(dataset.classes, artifacts.pred_probs[own], strict=True)
        )
        assert evidence.pvi_of(row) == bits[own]
    cosine = artifacts.embeddings @ artifacts.embeddings.T
    clusters = evidence.clusters(queue.alike)
    at = [dataset.ids.tolist().index(id) for id in queue.frame["id"]]
    for own in at:
        near = [place for place, other in enumerate(at) if cosine[own, other] > 0.951]
        assert len(set(clusters[near].tolist())) == 1
    assert np.array_equal(clusters[clusters], clusters)


def test_without_the_cache_or_the_data_it_says_so(found: Path, tmp_path: Path) -> None:
    from curatekit.errors import InputError, VerificationFailed
    from curatekit.review.evidence import read_evidence
    from curatekit.review.queue import read_queue

    queue = read_queue(found)
    evidence = read_evidence(found, queue, cache=tmp_path / "empty")
    assert "nearest neighbours and probabilities are not in the cache" in evidence.missing
    assert evidence.neighbours_of(0) == evidence.probabilities_of(0) == ()
    assert evidence.pvi_of(0) is None
    assert not (tmp_path / "empty").exists(), "nothing is written"
    other = tmp_path / "other.csv"
    pl.read_csv(found.with_name("data.csv")).head(50).write_csv(other)
    with pytest.raises(VerificationFailed, match="not the file that the issues were found in"):
        read_evidence(found, queue, str(other))
    alone = write_issues(tmp_path, 5)
    with pytest.raises(InputError, match="no manifest that names its data"):
        read_evidence(alone, read_queue(alone))


def test_decisions_outlive_find_errors_and_feed_it_and_fix(found: Path, tmp_path: Path) -> None:
    store = tmp_path / "kept.sqlite"
    keys = "".join(f"{key}\n" for key in "akakak")
    ran = invoke(review, found, "--order", "audit", "-n", 20, "--store", store, "--terminal", input=keys)
    assert ran.exit_code == 0, ran.output
    again = tmp_path / "again.csv"
    data = found.with_name("data.csv")
    assert invoke(find_errors, data, "--score", "self_confidence", "-o", again).exit_code == 0
    ran = invoke(review, again, "--store", store, "--export", tmp_path / "r.csv", "--json")
    assert json.loads(ran.stdout)["decided"] == 6
    ran = invoke(review, found, "--order", "audit", "-n", 20, "--store", store, "--export", tmp_path / "sample.csv")
    assert ran.exit_code == 0, ran.output
    assert len(pl.read_csv(tmp_path / "sample.csv")) == 20, "an audit needs its whole sample"
    ran = invoke(find_errors, data, "--reviews", tmp_path / "sample.csv", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["audit"]["reviewed"] == 6
    ran = invoke(fix, again, "--reviews", tmp_path / "r.csv", "--policy", "reviewed", "-o", tmp_path / "fixed.csv")
    assert ran.exit_code == 0, ran.output
