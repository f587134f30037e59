"""Guided selection on sexist posts: one annotation scheme, 11 vectors as specifications, the pool's true vectors known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.guided_hate import DATA, write_files

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
    write_files(rows, folder, parts, "spec_id", "EDOS vector")


def main(argv: Sequence[str]) -> None:
    """Compare every method: `guided_methods --set guided_edos`."""
    from benchmarks.guided_methods import main as compare

    compare(["--set", "guided_edos", *argv])
