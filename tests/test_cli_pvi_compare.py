"""curate pvi compare, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit.information.means import mean_interval
from curatekit_cli import predict, pvi, pvi_compare
from tests.test_cli_pvi import reviews
from tests.tiny import CLASSES, easy_task, tiny_base


def run(*arguments: object, command: Any = pvi_compare.command) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def asked(*arguments: object, command: Any = pvi_compare.command) -> dict[str, Any]:
    ran = run(*arguments, "--json", command=command)
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "reviews.csv"
    reviews().write_csv(path)
    return path


@pytest.fixture(scope="module")
def mended(data: Path) -> Path:
    """The same rows; those whose label was turned have the right one again."""
    path = data.with_name("mended.csv")
    right = ["good" if any(word in text for word in ("perfect", "wonder", "hopes", "worth", "happy")) else "bad"
             for text in reviews()["text"]]  # fmt: skip
    reviews().with_columns(mood=pl.Series(right)).write_csv(path)
    return path


@pytest.fixture(scope="module")
def stored(encoder: Any, data: Path) -> tuple[Path, Path]:
    """Probabilities of the same folds by two families."""
    paths = data.with_name("probe.parquet"), data.with_name("knn.csv")
    for family, path in zip(("probe", "knn"), paths, strict=True):
        asked(data, "--label", "mood", "--family", family, "-o", path, command=predict.command)
    return paths


def test_two_families_are_compared_row_by_row(encoder: Any, data: Path) -> None:
    output = data.with_name("compared.csv")
    found = asked(data, "--label", "mood", "--family", "probe", "--family", "knn", "-o", output, "--top", 3)
    rows = pl.read_csv(output)
    assert rows.columns == ["id", "text", "label", "pvi_probe", "pvi_knn", "apart"]
    assert rows["id"].to_list() == reviews()["id"].to_list()
    for name, one in zip(("probe", "knn"), found["compared"], strict=True):
        alone = asked(data, "--label", "mood", "--family", name, command=pvi.command)
        assert one["v_information"] == alone["v_information"]
        assert rows[f"pvi_{name}"].mean() == pytest.approx(one["v_information"]["value"])
    (pair,) = found["pairs"]
    slow = mean_interval((rows["pvi_probe"] - rows["pvi_knn"]).to_numpy())
    assert list(pair["difference"].values()) == pytest.approx(list(slow), abs=1e-9)
    assert pair["pearson"] == pytest.approx(np.corrcoef(rows["pvi_probe"], rows["pvi_knn"])[0, 1])
    assert [row["apart"] for row in found["furthest"]] == rows["apart"].sort(descending=True).head(3).to_list()
    manifest = json.loads(output.with_name("compared.csv.run.json").read_text())
    assert manifest["metrics"]["pairs"] == found["pairs"]


def test_the_text_says_who_has_more_and_what_comes_next(encoder: Any, data: Path) -> None:
    ran = run(data, "--label", "mood", "--family", "knn", "--family", "probe", "--family", "mlp", "--top", 2)
    assert ran.exit_code == 0, ran.output
    assert "70 rows, the same for every model." in ran.stdout
    assert ran.stdout.count("Pearson") == 3
    assert "bits more" in ran.stdout
    assert "the 3 pairs hold together (Bonferroni)" in ran.stdout
    assert "Rows on which they differ most" in ran.stdout
    assert f"Next: curate pvi {data} --family" in ran.stdout
    assert (
        "Rows on which" not in run(data, "--label", "mood", "--family", "knn", "--family", "probe", "--top", 0).stdout
    )


def test_stored_probabilities_are_matched_by_id(data: Path, stored: tuple[Path, Path], tmp_path: Path) -> None:
    probe, knn = stored
    shuffled = tmp_path / "shuffled.csv"
    pl.read_csv(knn).sample(fraction=1, shuffle=True, seed=0).write_csv(shuffled)
    found = asked(data, "--label", "mood", "--pred-probs", probe, "--pred-probs", shuffled)
    direct = asked(data, "--label", "mood", "--family", "probe", "--family", "knn")
    assert [one["name"] for one in found["compared"]] == ["probe.parquet", "shuffled.csv"]
    assert [one["family"] for one in found["compared"]] == ["probe", "knn"]
    assert list(found["pairs"][0]["difference"].values()) == pytest.approx(
        list(direct["pairs"][0]["difference"].values()), abs=1e-9
    )
    ran = run(data, "--label", "mood", "--family", "probe", "--pred-probs", knn)
    assert ran.exit_code == 0, ran.output
    assert "are not those of" not in ran.stderr


def test_the_same_probabilities_give_every_row_the_same_pvi(
    data: Path, stored: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "copy.parquet"
    other.write_bytes(stored[0].read_bytes())
    ran = run(data, "--label", "mood", "--pred-probs", stored[0], "--pred-probs", other)
    assert "give every row the same PVI." in ran.stdout


def test_other_folds_are_said(data: Path, stored: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    frame = pl.read_parquet(stored[0])
    frame.with_columns(fold=pl.Series(np.arange(70) % 5)).write_parquet(other)
    ran = run(data, "--label", "mood", "--pred-probs", stored[0], "--pred-probs", other)
    assert f"The folds in {other} are not those of probe.parquet" in " ".join(ran.stderr.split())
    relabelled = tmp_path / "relabelled.parquet"
    frame.with_columns(fold=9 - pl.col("fold")).write_parquet(relabelled)  # the same folds by other names
    assert (
        "are not those of"
        not in run(data, "--label", "mood", "--pred-probs", stored[0], "--pred-probs", relabelled).stderr
    )


def test_several_encoders_and_a_fine_tuned_family(tmp_path: Path) -> None:
    (texts,), labels = easy_task(60)
    data = tmp_path / "films.csv"
    pl.DataFrame({"text": texts, "label": [CLASSES[y] for y in labels]}).write_csv(data)
    small, large = tiny_base(tmp_path / "small"), tiny_base(tmp_path / "large", hidden=48)
    found = asked(
        data, "--family", "probe", "--family", f"finetune:{small}", "--encoder", small, "--encoder", large, "--epochs", 1,
        "--folds", 2, "--cache", tmp_path / "cache",
    )  # fmt: skip
    assert [one["name"] for one in found["compared"]] == [f"probe on {small}", f"probe on {large}", f"finetune:{small}"]
    assert len(found["pairs"]) == 3


def test_an_evaluation_file_is_predicted_by_every_model(encoder: Any, data: Path, tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    reviews().filter(pl.int_range(70) % 7 != 0).write_csv(train)
    reviews().filter(pl.int_range(70) % 7 == 0).write_csv(test)
    output = tmp_path / "out.csv"
    found = asked(train, "--eval", test, "--label", "mood", "--family", "probe", "--family", "knn", "-o", output)
    assert found["rows"] == 10
    assert pl.read_csv(output)["id"].to_list() == [f"r{i}" for i in range(0, 70, 7)]


def test_mended_labels_are_paired_with_those_before(encoder: Any, data: Path, mended: Path) -> None:
    output = data.with_name("datasets.csv")
    found = asked(data, mended, "--label", "mood", "-o", output)
    (pair,) = found["pairs"]
    assert (found["of"], pair["common"]) == ("datasets", 70)
    assert pair["difference"]["high"] < 0
    rows = pl.read_csv(output)
    assert rows.columns == ["dataset", "id", "text", "label", "pvi"]
    before, after = (rows.filter(pl.col("dataset") == path.name)["pvi"].to_numpy() for path in (data, mended))
    assert list(pair["difference"].values()) == pytest.approx(list(mean_interval(before - after)), abs=1e-9)
    one, other = found["compared"]
    assert one["share"]["value"] == pytest.approx(one["v_information"]["value"] / one["label_entropy"])
    assert pair["share_difference"]["value"] == pytest.approx(one["share"]["value"] - other["share"]["value"])
    ran = run(data, mended, "--label", "mood")
    assert "mended.csv has" in ran.stdout
    assert "Paired: 70 rows of reviews.csv have an equal text in mended.csv." in ran.stdout
    assert f"Next: curate pvi curve {mended}" in ran.stdout


def test_rows_with_other_texts_are_paired_by_id_when_asked(encoder: Any, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "short.csv"
    reviews().with_columns(text=pl.col("text").str.slice(4)).write_csv(other)
    unpaired = asked(data, other, "--label", "mood")
    paired = asked(data, other, "--label", "mood", "--id", "id")
    assert (unpaired["pairs"][0]["common"], paired["pairs"][0]["common"]) == (0, 70)
    assert (
        "Unpaired: no row of reviews.csv has an equal text in short.csv." in run(data, other, "--label", "mood").stdout
    )
    wide, narrow = (p["pairs"][0]["difference"] for p in (unpaired, paired))
    assert narrow["high"] - narrow["low"] < wide["high"] - wide["low"]


def test_training_files_are_compared_on_the_same_rows(encoder: Any, data: Path, mended: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    reviews().head(20).with_columns(text="Really: " + pl.col("text")).write_csv(test)
    found = asked(data, mended, "--eval", test, "--label", "mood")
    assert (found["of"], found["rows"]) == ("models", 20)
    assert [one["name"] for one in found["compared"]] == ["reviews.csv", "mended.csv"]


def test_pairs_of_texts_and_groups(encoder: Any, tmp_path: Path) -> None:
    data, other = tmp_path / "pairs.csv", tmp_path / "other.csv"
    frame = reviews().select(
        a=pl.lit("a review"), b="text", label="mood", who=pl.Series([str(i // 10) for i in range(70)])
    )
    frame.write_csv(data)
    frame.head(45).write_csv(other)
    how = ["--text", "a", "--text", "b", "--group", "who", "--folds", 3]
    assert asked(data, *how, "--family", "probe", "--family", "knn")["rows"] == 70
    found = asked(data, other, *how, "--family", "knn")
    assert (found["paired_by"], found["pairs"][0]["common"]) == ("text or group", 50)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--family", "knn"], "There is one model to compare, knn."),
        ([], "There is one model to compare, probe."),
        (["--family", "knn", "--family", "knn"], "The model knn is named twice"),
        (["--encoder", "a", "--encoder", "a"], "The model probe on a is named twice"),
        (["--family", "bert", "--family", "knn"], "There is no 'bert'"),
    ],
)
def test_too_few_models_are_one_sentence(data: Path, arguments: list[str], said: str) -> None:
    ran = run(data, "--label", "mood", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_what_does_not_fit_is_one_sentence(data: Path, mended: Path, stored: tuple[Path, Path], tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        ran = run(*arguments, "--label", "mood", "-o", tmp_path / "out.csv")
        assert ran.exit_code == 2
        assert not (tmp_path / "out.csv").exists()
        return ran.stderr

    few, third = tmp_path / "few.parquet", tmp_path / "third.csv"
    pl.read_parquet(stored[0]).head(60).write_parquet(few)
    pl.concat([reviews(), reviews().head(2).with_columns(mood=pl.lit("mixed"), id=pl.Series(["x", "y"]))]).write_csv(
        third
    )
    assert "lacks 10 of the 70 rows" in refused(data, "--family", "probe", "--pred-probs", few)
    assert "named twice" in refused(data, "--pred-probs", stored[0], "--pred-probs", stored[0])
    assert f"different labels: only {third} has 'mixed'" in refused(data, third)
    assert "are the same dataset" in refused(data, mended, data)
    assert "Several DATA are compared for one family" in refused(data, mended, "--family", "probe", "--family", "knn")
    assert "Several DATA are compared for one family" in refused(data, mended, "--pred-probs", stored[0])


def test_datasets_with_other_labels_are_compared_when_asked(encoder: Any, data: Path, tmp_path: Path) -> None:
    third = tmp_path / "third.csv"
    extra = (
        reviews()
        .head(10)
        .with_columns(mood=pl.lit("mixed"), id=pl.Series([f"x{i}" for i in range(10)]), text="Well: " + pl.col("text"))
    )
    pl.concat([reviews(), extra]).write_csv(third)
    found = asked(data, third, "--label", "mood", "--different-labels")
    assert found["pairs"][0]["common"] == 70
    assert found["compared"][1]["label_entropy"] > found["compared"][0]["label_entropy"]


@pytest.mark.parametrize(("files", "svgs", "html"), [(1, 1, 2), (2, 1, 1)])
def test_the_picture(encoder: Any, data: Path, mended: Path, tmp_path: Path, files: int, svgs: int, html: int) -> None:
    what = [data, "--family", "probe", "--family", "knn"] if files == 1 else [data, mended]
    for suffix, pictures in (("svg", svgs), ("html", html)):
        plot = tmp_path / f"plot.{suffix}"
        ran = run(*what, "--label", "mood", "--plot", plot)
        assert ran.exit_code == 0, ran.output
        assert plot.read_text().count("<svg") == pictures
        assert plot.with_name(f"plot.{suffix}.run.json").exists()
