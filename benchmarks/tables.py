"""Write the table of results in README.md from the newest dated files: `python -m benchmarks.tables`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CAUTION = (
    "How to read it: the settings of `combined` and `influence` were chosen while looking at these data, so the figures are not",
    "those of an unseen test. Of the 1,310 IMDB suggestions only some were ever reviewed by people. In the warm runs the recipe is",
    "given its embeddings, and `curate` takes predictions and neighbours from its cache as well. One seed of the fine-tuned model.",
)
START, END = "<!-- results: made by `python -m benchmarks.tables` -->", "<!-- end of results -->"


def newest(name: str) -> dict[str, Any] | None:
    """Return the newest result of a benchmark, or None when there is none."""
    found = sorted((ROOT / "benchmarks" / "results").glob(f"{name}-????-??-??.json"))
    return {"file": found[-1].name, **json.loads(found[-1].read_text(encoding="utf-8"))} if found else None


def guided(name: str, model: str) -> list[str]:
    measured = newest(name)
    if measured is None:
        return []
    rows = {row["model"]: row for row in measured["results"]["table"] if row["k"] in (0, 500) and row["model"] != "M2"}
    rows["M2"] = next(r for r in measured["results"]["table"] if r["k"] == 500 and r["method"] == "influence")
    rates = ", ".join(f"{m} {rows[m]['measures']['failure_rate']['mean']:.2f}" for m in ("M0", "M1", "M1'", "M2"))
    accuracy = ", ".join(f"{m} {rows[m]['measures']['accuracy']['mean']:.3f}" for m in ("M0", "M2"))
    return [
        _row(
            f"failure rate on 29 HateCheck specifications, 500 rows added, {model}",
            f"{rates}; held-out {accuracy}",
            measured,
        )
    ]


def label_errors() -> list[str]:
    measured = newest("label_errors")
    names = {
        "vote": "one annotator's vote",
        "uniform": "10 % flips",
        "nearest class": "10 % flips to the nearest class",
        "distant supervision": "distant supervision",
    }
    return [
        _row(
            f"average precision of label errors: {row['data']}, {names[row['noise']]}",
            f"combined {row['combined']:.2f}, self-confidence {row['self_confidence']:.2f}, "
            f"margin {row['normalized_margin']:.2f}, neighbours {row['knn_agreement']:.2f}",
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]


def imdb() -> list[str]:
    measured = newest("label_errors_imdb")
    if measured is None:
        return []
    found = measured["results"]
    said = f"{found['combined']['errors_in_first']} of {found['errors']}; with the published probabilities cleanlab's list, row for row"
    return [
        _row("verified errors of the IMDB test set among the first 1,310 suggestions, from raw text", said, measured)
    ]


def cost() -> list[str]:
    measured = newest("find_errors_cost")
    rows = {(r["data"], r["what"], r["state"]): r for r in (measured["results"] if measured else [])}
    lines = []
    for data in dict.fromkeys(data for data, _, _ in rows):
        for state in ("cold", "warm"):
            said = "; ".join(
                f"{what} {r['cpu_s']:.0f} CPU s, {r['peak_memory_mb']:,} MB, AP {r['average_precision']:.2f}"
                for what in ("curate find-errors", "usual recipe")
                for r in [rows[data, what, state]]
            )
            lines.append(
                _row(
                    f"whole run on {data}, {rows[data, 'usual recipe', state]['rows']:,} rows, cache {state}",
                    said,
                    measured,
                )
            )
    return lines


def embedding() -> list[str]:
    measured = newest("embed_throughput")
    return [
        _row(
            f"embedding throughput per CPU second against `SentenceTransformer.encode` defaults: {row['method']}",
            f"{row['ratio']:.1f} × ({row['ratio_lowest']:.1f} to {row['ratio_highest']:.1f}), least cosine {row['cosine_min']:.5f}",
            measured,
        )
        for row in (measured["results"] if measured else [])
        if row["method"] != "SentenceTransformer.encode"
    ]


def pvi() -> list[str]:
    lines = []
    measured = newest("pvi_cola")
    if measured is not None:
        of = measured["results"]["cost"]
        lines.append(
            _row(
                "PVI on CoLA by Algorithm 1, MiniLM fine-tuned, against the paper's two fine-tunes",
                f"{of['cpu_ratio']:.2f} of the CPU time, Pearson {of['pearson_per_row']:.4f} by row",
                measured,
            )
        )
    measured = newest("fine_tune_stand_in")
    for row in measured["results"] if measured else []:
        of_stand_in = sum(row["pearson_of_the_stand_in"]) / len(row["pearson_of_the_stand_in"])
        figures = (
            f"Pearson {of_stand_in:.2f} by row at {row['cpu_ratio']:.2f} of the CPU time; two seeds of the fine-tune "
            f"{row['pearson_of_two_seeds']:.2f}"
        )
        lines.append(_row(f"`partial` as a stand-in for fine-tuning, PVI on {row['data']}", figures, measured))
    return lines


def systematic() -> list[str]:
    measured = newest("systematic_errors")
    lines = []
    for row in measured["results"] if measured else []:
        given, quality = f"labels wrong: {row['flipped']}", row["cleanlab's label quality"][0]
        figures = (
            f"find-errors with specifications {row['combined'][0]:.2f}, without {row['combined without specifications'][0]:.2f}; "
            f"cleanlab's label quality {quality:.2f}"
        )
        lines.append(_row(f"average precision of label errors: {row['data']}, {given}", figures, measured))
    return lines


def _row(what: str, figures: str, measured: dict[str, Any] | None) -> str:
    assert measured is not None
    return f"| {what} | {figures} | [{measured['date']}](benchmarks/results/{measured['file']}) |"


def table() -> str:
    """Return the table of results as Markdown."""
    probe, transformer = guided("guided_hate", "probe"), guided("guided_hate_finetuned", "MiniLM fine-tuned")
    rows = [*probe, *transformer, *pvi(), *label_errors(), *systematic(), *imdb(), *cost(), *embedding()]
    return "\n".join(["| measured on real data, two cores | figures | dated |", "|---|---|---|", *rows, "", *CAUTION])


def with_results(readme: str) -> str:
    """Return the text of README with the current table between its marks."""
    pattern = f"{re.escape(START)}.*{re.escape(END)}"
    return re.sub(pattern, lambda _: f"{START}\n\n{table()}\n\n{END}", readme, flags=re.DOTALL)


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_results(path.read_text(encoding="utf-8")), encoding="utf-8")
