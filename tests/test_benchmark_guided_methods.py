"""The side-by-side benchmark of selection methods: its ratios, and the files that it makes of guided_edos."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks.guided_edos import DATA, build
from benchmarks.guided_methods import summary
from curatekit.specs import read_specifications


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
