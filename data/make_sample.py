"""Write the sample: train.csv, pool.csv, heldout.csv, specs.yaml and truth.csv, the same bytes for the same seed.

Every sentence is composed of blocks that we wrote (blocks/*.txt): no row is copied from a data set.
See README.md in this folder for what is planted where. Standard library only.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SEED = 20

SHARES = {"complaint": 0.32, "praise": 0.26, "question": 0.22, "request": 0.20}
LABELS = tuple(SHARES)
CONFUSABLE = {"complaint": "request", "praise": "complaint", "question": "request", "request": "complaint"}

ROWS = {"train": 2400, "pool": 4800, "heldout": 1200}
PAUSES = {
    "train": 48,
    "pool": 96,
    "heldout": 24,
}  # requests for a pause: mislabelled "question" in train, all of them
PER_SPECIFICATION = {"train": 1, "pool": 46, "heldout": 1}  # rows that bear each phenomenon
RANDOM_ERRORS = {"train": 144, "pool": 96, "heldout": 0}  # half to any class, half to the confusable one
EXAMPLES, TESTS = 18, 28
HARD = 0.1  # share of the everyday messages whose words mislead, though no specification speaks of them

SPECIFICATIONS = {
    "negated-praise": ("complaint", "A negated positive statement is a complaint."),
    "denied-fault": ("praise", "A denied fault is praise."),
    "resolved-problem": ("praise", "A problem that was put right is praise."),
    "refund-question": ("question", "A question about refunds or cancelling is a question, not a request."),
    "sarcastic-thanks": ("complaint", "Sarcastic thanks are a complaint."),
    "better-elsewhere": ("complaint", "Praise for a competitor, set against us, is a complaint."),
    "verdict-last": ("praise", "A mixed message counts by its verdict: a good verdict is praise."),
    "grateful-cancellation": ("request", "A request stays a request however warm the thanks around it."),
    "polite-request": ("request", "A request put as a question is a request."),
    "rhetorical-question": ("complaint", "A rhetorical question is a complaint."),
}

# What may follow or precede the block that carries the label, and how often.
EXTRAS = {
    "complaint": (("complaint effect", 0.45), ("complaint feeling", 0.35), ("complaint close", 0.25)),
    "praise": (("praise effect", 0.35), ("praise feeling", 0.45), ("praise close", 0.25)),
    "question": (("question close", 0.30),),
    "request": (("request reason", 0.50), ("request close", 0.30)),
}
REGISTERS = {"plain": 45, "lower": 13, "typos": 13, "formal": 9, "chatty": 12, "terse": 8}
SPECIFICATION_REGISTERS = {"plain": 70, "lower": 15, "typos": 15}

Blocks = dict[str, list[str]]


class Row(NamedTuple):
    text: str
    label: str
    phenomenon: str = ""
    topic: str = ""


@dataclass(frozen=True)
class Part:
    """Which fillers a text may use: 0 the first half of each list, 1 the second half, None all of them."""

    half: int | None = None

    def of(self, fillers: Sequence[str]) -> Sequence[str]:
        if self.half is None:
            return fillers
        middle = len(fillers) // 2
        return fillers[middle:] if self.half else fillers[:middle]


def read_blocks(folder: Path) -> Blocks:
    """The blocks by heading: one block a line under '# heading'; 'word: a | b' under '# context words'."""
    blocks: Blocks = {}
    for path in sorted(folder.glob("*.txt")):
        heading = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                heading = line[2:]
            elif heading.endswith(" words"):
                word, _, choices = line.partition(": ")
                blocks[f"{heading[: -len(' words')]} {word}"] = choices.split(" | ")
            elif line:
                blocks.setdefault(heading, []).append(line)
    return blocks


def contexts(blocks: Blocks) -> list[str]:
    return [heading.removesuffix(" incident") for heading in blocks if heading.endswith(" incident")]


def fold(text: str) -> str:
    """The text without case, space and punctuation: two texts with the same fold count as the same."""
    return "".join(character for character in text.casefold() if character.isalnum())


def fill(frame: str, context: str, blocks: Blocks, rng: random.Random, part: Part) -> str:
    """The frame with every [a|b] chosen and every {slot} filled, no filler used twice."""
    while (choice := re.search(r"\[([^\[\]]*)\]", frame)) is not None:
        frame = frame[: choice.start()] + rng.choice(choice[1].split("|")) + frame[choice.end() :]
    about_rival = "{rival}" in frame
    used: set[str] = set()
    while (slot := re.search(r"\{(\w+)\}", frame)) is not None:
        filler = _filler(slot[1], context, blocks, rng, part, about_rival, used)
        frame = frame[: slot.start()] + filler + frame[slot.end() :]
    frame = re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\s{2,}", " ", frame)).strip()
    return re.sub(r"\b([Aa]) (?=[aeiou](?!ne\b|niv))", r"\1n ", frame)


def _filler(
    slot: str, context: str, blocks: Blocks, rng: random.Random, part: Part, about_rival: bool, used: set[str]
) -> str:
    if slot == "order":
        return str(rng.randrange(10_000, 100_000))
    if slot in blocks:  # days, months, names: the same everywhere
        fillers: Sequence[str] = blocks[slot]
    else:
        fillers = blocks[f"{context} {slot}"]
        if len(fillers) >= 4:
            fillers = part.of(fillers)
        if about_rival:  # "your tracking page" is ours, not the rival's
            fillers = [filler for filler in fillers if not re.search(r"\byours?\b|\byou\b", filler)]
    if len(fillers) > 1 and slot not in {"item", "firm", "person", "plan", "rival"}:
        fillers = [filler for filler in fillers if filler not in used] or fillers
    filler = rng.choice(fillers)
    used.add(filler)
    return filler


def capitalised(text: str) -> str:
    """The text with a capital at the start of each sentence."""
    return re.sub(r"(^|[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def ended(text: str, mark: str) -> str:
    return text if text[-1] in ".?!" else text + mark


def with_typos(text: str, rng: random.Random) -> str:
    """The text with one to three slips of the finger; the first and last letters of a word stay."""
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    for index in rng.sample(long, min(len(long), rng.randint(1, 3))):
        word, at = words[index], rng.randrange(1, len(words[index]) - 2)
        slips = (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        )
        words[index] = rng.choice(slips)
    return " ".join(words).replace("'", rng.choice(("'", "")))


def spoken(parts: list[str], register: str, context: str, blocks: Blocks, rng: random.Random) -> str:
    """The parts as one message in the register."""

    def one(heading: str) -> str:
        return fill(rng.choice(blocks[heading]), context, blocks, rng, Part())

    mark = "!" if rng.random() < 0.08 else "."
    text = parts[0]
    for part in parts[1:]:
        joint = rng.choices((". ", ", ", " - ", "; ", "... "), (80, 8, 6, 3, 3))[0]
        text = text + " " + part if text[-1] in ".?!" else text + joint + part
    if register == "chatty":
        text = f"{one('chat')} {text}"
    if register == "formal":
        return f"{capitalised(one('salutation'))} {ended(capitalised(text), '.')} {capitalised(one('signoff'))}"
    if register in {"plain", "chatty"} and rng.random() < 0.15:
        text = f"{one('greeting')} {text}"
    if register in {"plain", "chatty"} and rng.random() < 0.08:
        text = f"{ended(text, mark)} {one('name')}"
    if register == "terse":
        return capitalised(text)
    if register == "lower":
        return re.sub(r"[.,;]", rng.choice(("", ",")), text.lower()).replace("'", rng.choice(("'", "")))
    text = ended(capitalised(text), mark)
    return with_typos(text, rng) if register == "typos" else text


def pick(shares: dict[str, int], rng: random.Random) -> str:
    return rng.choices(list(shares), list(shares.values()))[0]


def everyday(label: str, pause: bool, blocks: Blocks, rng: random.Random) -> str:
    """An everyday message of the label, about some context, in some register."""
    context, register = rng.choice(contexts(blocks)), pick(REGISTERS, rng)
    lead = rng.choice(blocks[f"{label} hard" if rng.random() < HARD else f"{label} lead"])
    if pause:
        lead = rng.choice([frame for frame in blocks["request lead"] if frame.count("{ask}") == 1])
        lead = lead.replace("{ask}", rng.choice(blocks["pause"]))
    parts = [lead]
    if register != "terse":
        extras = [heading for heading, share in EXTRAS[label] if rng.random() < share]
        if rng.random() < (0.5 if register == "chatty" else 0.12):
            extras.append("aside")
        rng.shuffle(extras)
        parts += [rng.choice(blocks[heading]) for heading in extras]
        if rng.random() < 0.25:
            rng.shuffle(parts)
    filled: list[str] = []
    for frame in parts:
        text = fill(frame, context, blocks, rng, Part())
        if text not in filled:
            filled.append(text)
    return spoken(filled, register, context, blocks, rng)


def telling(name: str, family: str, turn: int, blocks: Blocks, rng: random.Random) -> str:
    """A message that bears the phenomenon; the family names the frames, the turn walks through them."""
    frames, places = blocks[f"{name} {family}"], contexts(blocks)
    context = rng.choice(places)
    part = {"pool": Part(), "examples": Part(0), "tests": Part(1)}[family]
    parts = [fill(frames[turn % len(frames)], context, blocks, rng, part)]
    if family != "pool":
        return spoken(parts, pick(SPECIFICATION_REGISTERS, rng), context, blocks, rng)
    if rng.random() < 0.2:
        parts.insert(rng.randrange(2), fill(rng.choice(blocks["aside"]), context, blocks, rng, part))
    return spoken(parts, pick(REGISTERS, rng), context, blocks, rng)


def compose(blocks: Blocks, seed: int) -> tuple[dict[str, list[Row]], dict[str, dict[str, list[str]]]]:
    """The rows of each file, rightly labelled, and the texts of each specification; no text occurs twice."""
    seen: set[str] = set()

    def new(write: Callable[..., str], *arguments: object) -> str:
        while True:
            text = write(*arguments, blocks, rng)
            if fold(text) not in seen:
                seen.add(fold(text))
                return text

    texts: dict[str, dict[str, list[str]]] = {}
    for name in SPECIFICATIONS:
        rng = random.Random(f"{seed} {name}")
        texts[name] = {
            family: [new(telling, name, family, turn) for turn in range(count)]
            for family, count in (("examples", EXAMPLES), ("tests", TESTS))
        }
    files: dict[str, list[Row]] = {}
    for file, n_rows in ROWS.items():
        rng = random.Random(f"{seed} {file}")
        rows = [Row(new(everyday, "request", True), "request", topic="pause") for _ in range(PAUSES[file])]
        n_everyday = n_rows - len(rows) - PER_SPECIFICATION[file] * len(SPECIFICATIONS)
        labels = [label for label in LABELS for _ in range(round(SHARES[label] * n_everyday))]
        labels = (labels + ["complaint"] * n_everyday)[:n_everyday]
        rows += [Row(new(everyday, label, False), label) for label in labels]
        rows += [
            Row(new(telling, name, "pool", turn), label, phenomenon=name)
            for name, (label, _) in SPECIFICATIONS.items()
            for turn in rng.sample(range(1000), PER_SPECIFICATION[file])
        ]
        rng.shuffle(rows)
        files[file] = rows
    return files, texts


def plant(file: str, rows: list[Row], rng: random.Random) -> list[tuple[str, str]]:
    """The given label and the kind of error ('' for none) of each row."""
    given = [(row.label, "") for row in rows]
    if file == "train":
        given = [("question", "systematic") if row.topic else (row.label, "") for row in rows]
    right = [index for index, (_, error) in enumerate(given) if not error]
    for turn, index in enumerate(rng.sample(right, RANDOM_ERRORS[file])):
        label = rows[index].label
        others = [other for other in LABELS if other != label]
        given[index] = (CONFUSABLE[label], "confusable") if turn % 2 else (rng.choice(others), "uniform")
    return given


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


ANNOTATORS = {"anna": (0.95, 0.0), "ben": (0.88, 0.1), "caro": (0.75, 0.2)}  # how often right, how often without a vote
VOTED = 200


def votes(rows: Sequence[tuple[str, str, str]], rng: random.Random) -> list[tuple[str, ...]]:
    """Return id, text and each annotator's label (empty: none) of rows whose labels are right; one vote at the least."""
    table = []
    for id_, text, label in rows:
        given = [
            "" if rng.random() < absent else label if rng.random() < right else CONFUSABLE[label]
            for right, absent in ANNOTATORS.values()
        ]
        table.append((id_, text, *given))
    return table


def specification_file(texts: dict[str, dict[str, list[str]]]) -> str:
    """The specification file: YAML whose texts are JSON strings, which YAML reads as they are."""
    lines = ["specifications:"]
    for name, (label, statement) in SPECIFICATIONS.items():
        lines += [f"  - id: {name}", f"    statement: {json.dumps(statement)}", f"    label: {label}"]
        for family in ("examples", "tests"):
            lines.append(f"    {family}:")
            lines += [f"      - {json.dumps(text, ensure_ascii=False)}" for text in texts[name][family]]
    return "\n".join(lines) + "\n"


def make(folder: Path, seed: int = SEED) -> None:
    """Write the files of the sample into the folder."""
    files, texts = compose(read_blocks(HERE / "blocks"), seed)
    rng = random.Random(f"{seed} errors")
    truth: list[tuple[str, ...]] = []
    for file, rows in files.items():
        given = plant(file, rows, rng)
        ids = [hashlib.sha256(f"{seed} {row.text}".encode()).hexdigest()[:10] for row in rows]
        table = [(id_, row.text, label) for id_, row, (label, _) in zip(ids, rows, given, strict=True)]
        write_csv(folder / f"{file}.csv", ("id", "text", "label"), table)
        if file == "heldout":
            voted = votes(table[:VOTED], random.Random(f"{seed} votes"))
            write_csv(folder / "votes.csv", ("id", "text", *ANNOTATORS), voted)
        truth += [
            (file, id_, label, row.label, error, row.topic, row.phenomenon)
            for id_, row, (label, error) in zip(ids, rows, given, strict=True)
            if error or row.topic or row.phenomenon
        ]
        print(
            file,
            len(rows),
            dict(Counter(row.label for row in rows)),
            dict(Counter(error for _, error in given)),
        )
    (folder / "specs.yaml").write_text(specification_file(texts), encoding="utf-8", newline="\n")
    write_csv(
        folder / "truth.csv",
        ("file", "id", "given_label", "true_label", "error", "slice", "phenomenon"),
        truth,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=HERE, help="folder to write into (this one)")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    make(arguments.output, arguments.seed)
