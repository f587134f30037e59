"""curate pvi attributes, from files."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from curatekit_cli import pvi, pvi_attributes

THINGS = ["battery", "phone", "charger", "screen", "camera", "keyboard", "lamp", "mouse", "cable", "speaker"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(pvi_attributes.command, [str(argument) for argument in arguments])


def asked(*arguments: object) -> dict[str, Any]:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def reviews() -> pl.DataFrame:
    rows = [
        (f"The {thing} {'works' if good else 'never works'}, order {number}{mark}", "good" if good else "bad", shop)
        for number, thing in enumerate(THINGS)
        for good, mark, shop in (
            (True, "a", "north"),
            (False, "b", "south"),
            (True, "c", "south"),
            (False, "d", "north"),
        )
    ]
    return pl.DataFrame(rows, schema=["text", "mood", "shop"], orient="row")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("attributes") / "reviews.csv"
    reviews().write_csv(path)
    return path


def test_the_planted_pattern_is_found_drawn_and_written(encoder: Any, data: Path) -> None:
    output, plot = data.with_name("attributes.csv"), data.with_name("attributes.svg")
    names = ["--attribute", "column:shop", "--attribute", r"regex:never\b", "--attribute", "length"]
    payload = asked(data, "--label", "mood", *names, "-o", output, "--plot", plot)
    rows = pl.read_csv(output)
    assert rows["attribute"].to_list() == [one["attribute"] for one in payload["attributes"]]
    assert (rows["v_information"].diff().drop_nulls() <= 0).all()
    one = {one["attribute"]: one for one in payload["attributes"]}
    assert one[r"regex:never\b"]["v_low"] > 0.5
    assert one[r"regex:never\b"]["artefact"]
    assert one["column:shop"]["v_information"] == pytest.approx(0, abs=0.05)
    whole = asked_of_pvi(data)
    assert payload["v_information"] == whole["v_information"]
    for each in one.values():
        assert each["share"] == pytest.approx(each["v_information"] / payload["v_information"]["value"])
    assert "<svg" in plot.read_text()
    manifest = json.loads(output.with_name("attributes.csv.run.json").read_text())
    assert manifest["metrics"]["attributes"] == payload["attributes"]


def asked_of_pvi(data: Path) -> dict[str, Any]:
    ran = CliRunner().invoke(pvi.command, [str(data), "--label", "mood", "--json"])
    payload: dict[str, Any] = json.loads(ran.stdout)
    return payload


def test_text_output_has_the_table_the_alarm_and_what_comes_next(encoder: Any, data: Path) -> None:
    ran = run(data, "--label", "mood", "--attribute", "regex:never", "--attribute", "first:2")
    assert ran.exit_code == 0, ran.output
    assert "How much of the label can be read from …" in ran.stdout
    assert "ALARM: regex:never alone tells" in ran.stdout
    assert "first:2" in ran.stdout
    assert f"Next: curate pvi tokens {data} --label mood" in ran.stdout


def test_what_is_wrong_with_the_whole_is_an_alarm_here_too(encoder: Any, data: Path) -> None:
    path = data.with_name("told.csv")
    rows = [
        (f"{thing} number {k}, {parity}", parity) for thing in THINGS for k, parity in enumerate(["even", "odd"] * 6)
    ]
    pl.DataFrame(rows, schema=["text", "label"], orient="row").write_csv(path)
    payload = asked(path, "--text", "text", "--label", "label", "--attribute", "length")
    assert any("the label may stand in the text" in alarm for alarm in payload["alarms"])


def test_pairs_have_attributes_of_their_own(encoder: Any, data: Path) -> None:
    path = data.with_name("pairs.csv")
    reviews().select("shop", "text", label="mood").write_csv(path)
    payload = asked(path, "--text", "shop", "--text", "text")
    names = [one["attribute"] for one in payload["attributes"]]
    assert {"left (shop)", "right (text)", "overlap", "length"} < set(names)
    assert next(one for one in payload["attributes"] if one["attribute"] == "right (text)")["artefact"]


def test_a_family_that_reads_no_features_has_its_predictions_pooled(encoder: Any, data: Path) -> None:
    payload = asked(data, "--label", "mood", "--family", "knn", "--attribute", "regex:never", "--attribute", "first:3")
    assert payload["family"] == "knn"
    one = {one["attribute"]: one for one in payload["attributes"]}
    assert (one["regex:never"]["family"], one["first:3"]["family"]) == ("trees", "knn")
    assert one["regex:never"]["conditional"] < 0.2


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("lenght", "Did you mean 'length'"),
        ("left", "Give --text twice"),
        ("regex:(", "unclosed group"),
        ("column:shops", "Did you mean 'shop'"),
    ],
)
def test_a_wrong_attribute_is_told_before_anything_is_computed(data: Path, attribute: str, said: str) -> None:
    output = data.with_name("never.csv")
    ran = run(data, "--label", "mood", "--attribute", attribute, "--encoder", "no/such-encoder", "-o", output)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not output.exists()


def test_a_transform_of_another_package_is_found_by_name(
    encoder: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commas(inputs: Any, argument: str) -> Any:
        return np.array([text.count(argument) for text in inputs[0]])

    monkeypatch.setattr("importlib.metadata.EntryPoint.load", lambda point: commas)
    point = EntryPoint("count-of", "theirs:commas", "curatekit.transforms")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group, name: [point] if name == "count-of" else [])
    payload = asked(data, "--label", "mood", "--attribute", "count-of:v")
    assert payload["attributes"][0]["attribute"] == "count-of:v"
    assert payload["attributes"][0]["v_low"] > 0.5
