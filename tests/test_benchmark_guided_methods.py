"""The side-by-side benchmark of selection methods: its ratios, and the files that it makes of guided_edos."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from benchmarks import guided_methods as module
from benchmarks.guided_edos import DATA, build
from benchmarks.guided_methods import prepared_set, summary
from curatekit.select.prepare import Prepared
from curatekit.specs import read_specifications
from tests.fake_encoder import FakeEncoder
from tests.guided_sample import HELDOUT, POOL, SPECIFICATIONS, TRAIN


def test_ratios_are_to_the_fair_baseline_at_the_same_k() -> None:
    runs = [
        {"method": method, "k": k, "seed": seed, "failure_rate": rate, "failure_rate_by_label": rate / 2, "cpu_s": 1.0}
        for method, k, seed, rate in [
            ("random-matched", 5, 0, 0.4), ("random-matched", 5, 1, 0.6), ("random-matched", 9, 0, 0.2), ("balanced", 5, 0, 0.8),
            ("ours", 5, 0, 0.25), ("ours", 9, 0, 0.1),
        ]
    ]  # fmt: skip
    table = {(row["method"], row["k"]): row for row in summary(runs)}
    assert table["random-matched", 5]["failure_rate"] == pytest.approx(0.5)
    assert table["random-matched", 5]["failure_rate_sd"] == pytest.approx(0.02**0.5)
    assert table["ours", 5]["failure_rate / random-matched"] == pytest.approx(0.5)
    assert table["ours", 5]["failure_rate_by_label / balanced"] == pytest.approx(0.125 / 0.4)
    assert table["ours", 9]["failure_rate / random-matched"] == pytest.approx(0.5)
    assert "failure_rate_by_label / balanced" not in table["ours", 9]
    assert "failure_rate / random-matched" not in table["balanced", 5]


@pytest.mark.skipif(not (DATA / "guided_edos").exists(), reason="the shared data are not here")
def test_guided_edos_has_eleven_specifications_and_no_row_in_two_roles(tmp_path: Path) -> None:
    build(tmp_path)
    parts = {name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("train", "heldout", "pool", "cases")}
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 2798, "heldout": 4000, "pool": 11202, "cases": 1456,
    }  # fmt: skip
    assert not set(parts["pool"]["id"]) & {*parts["train"]["id"], *parts["heldout"]["id"], *parts["cases"]["id"]}
    specifications = read_specifications(tmp_path / "specs.json", tests=True)
    assert len(specifications) == 11
    assert {one.label for one in specifications} == {"sexist"}
    assert sum(len(one.examples) for one in specifications) <= 486


def test_runs_of_other_code_or_data_are_not_taken_whatever_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of a set, of small files in its place."""
    flipped: set[str] = set()

    def build_small(folder: Path) -> None:
        for name, rows in (("train", TRAIN), ("heldout", HELDOUT), ("pool", POOL)):
            labels = ["bad" if name in flipped and not number else label for number, (_, label) in enumerate(rows)]
            columns = {"id": [f"{name}{number}" for number in range(len(rows))], "text": [text for text, _ in rows]}
            pl.DataFrame({**columns, "label": labels}).write_parquet(folder / f"{name}.parquet")
        (folder / "specs.json").write_text(json.dumps({"specifications": SPECIFICATIONS}), encoding="utf-8")

    monkeypatch.setitem(module.BUILDERS, "guided_hate", build_small)
    monkeypatch.setattr(module, "load_encoder", lambda *given: FakeEncoder())
    monkeypatch.setattr(module, "Cache", lambda root: None)
    prepare, made = module.prepare, []

    def prepared_once(*given: object) -> Prepared:
        made.append(made[0] if made else prepare(*given))  # type: ignore[arg-type]
        return made[0]

    monkeypatch.setattr(module, "prepare", prepared_once)
    keys = [prepared_set("guided_hate").key]
    assert prepared_set("guided_hate").key == keys[0]
    for name in ("train", "heldout", "pool"):
        flipped = {name}
        keys.append(prepared_set("guided_hate").key)
    for package in ("select", "index", "predict"):
        flipped = set()
        monkeypatch.setattr("curatekit.guided.code_of", lambda name, changed=package: f"{name}{name == changed}")
        keys.append(prepared_set("guided_hate").key)
    assert len(set(keys)) == len(keys)
