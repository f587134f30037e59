"""Guided selection on sexist posts: one annotation scheme, 11 vectors as specifications, the pool's true vectors known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NAMES = {0: "not sexist", 1: "sexist"}


def build(folder: Path, data: Path = DATA) -> None:
    """Write train, heldout and pool (parquet), cases.parquet and specs.json into `folder` from the roles of guided_edos.

    Held out is the whole test split of EDOS, the tests of the specifications among it: those that are not sexist alone would
    measure one class.
    """
    roles = pl.read_parquet(data / "guided_edos" / "assignments.parquet")
    texts = pl.read_parquet(data / "edos" / "posts.parquet", columns=["id", "text"])
    rows = roles.join(texts, on="id", how="left", maintain_order="left").with_columns(
        pl.col("label_id").cast(pl.Int64).replace_strict(NAMES, return_dtype=pl.String).alias("label")
    )
    parts = {"train": ["D_train"], "heldout": ["D_test", "heldout"], "pool": ["D_unused"]}
    for name, of in parts.items():
        rows.filter(pl.col("role").is_in(of)).select("id", "text", "label", "spec_id").write_parquet(folder / f"{name}.parquet")  # fmt: skip
    cases = rows.filter(pl.col("role").is_in(["spec", "heldout"])).select("id", "text", "label", "spec_id", "role")
    cases.write_parquet(folder / "cases.parquet")
    specifications = [
        {
            "id": name,
            "statement": f"EDOS vector {name}",
            "label": label,
            "examples": {"file": "cases.parquet", "where": {"spec_id": name, "role": "spec"}},
            "tests": {"file": "cases.parquet", "where": {"spec_id": name, "role": "heldout"}},
        }
        for name, label in cases.select("spec_id", "label").unique().sort("spec_id").iter_rows()
    ]
    (folder / "specs.json").write_text(json.dumps({"specifications": specifications}), encoding="utf-8")


def main(argv: Sequence[str]) -> None:
    """Compare every method: `guided_methods --set guided_edos`."""
    from benchmarks.guided_methods import main as compare

    compare(["--set", "guided_edos", *argv])
