"""A small sentiment problem for the tests of select and guided: only the pool has slang, which the specifications are about."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import polars as pl

THINGS = ["film", "soup", "hotel", "phone", "coat", "song", "train", "garden"]
GOOD, BAD = ["lovely", "brilliant", "superb"], ["awful", "dreadful", "terrible"]
PRAISE, SCORN = ["slaps", "rocks", "rules"], ["reeks", "sucks", "bombs"]


def plain(things: list[str]) -> list[tuple[str, str]]:
    return [
        (f"The {thing} was {word}.", label)
        for thing, (words, label) in itertools.product(things, [(GOOD, "good"), (BAD, "bad")])
        for word in words
    ]


def slang(things: list[str], template: str = "This {} {}, friends.") -> list[tuple[str, str]]:
    return [
        (template.format(thing, word), label)
        for thing, (words, label) in itertools.product(things, [(PRAISE, "good"), (SCORN, "bad")])
        for word in words
    ]


TRAIN = plain(THINGS[:5])
HELDOUT = plain(THINGS[5:])
POOL = plain(["lamp", "boat", "cake", "book"]) + slang(["lamp", "boat"])
SPECIFICATIONS = [
    {
        "id": f"slang-{name}",
        "statement": f"Words of {name} count.",
        "label": label,
        "examples": [text for text, of in slang(THINGS[:3]) if of == label],
        "tests": [text for text, of in slang(THINGS[5:], "My {} {} since Monday.") if of == label],
    }
    for name, label in (("praise", "good"), ("scorn", "bad"))
]


def write(folder: Path) -> dict[str, Path]:
    """Write train, heldout and pool as csv and the specifications as JSON; return their paths by name."""
    paths = {}
    for name, rows in (("train", TRAIN), ("heldout", HELDOUT), ("pool", POOL)):
        paths[name] = folder / f"{name}.csv"
        frame = pl.DataFrame(rows, schema=["text", "label"], orient="row").with_row_index("number")
        frame.write_csv(paths[name])
    paths["spec"] = folder / "specs.json"
    paths["spec"].write_text(json.dumps({"specifications": SPECIFICATIONS}), encoding="utf-8")
    return paths
