"""Write docs/results.md and the few results in README.md from the newest dated files: `python -m benchmarks.tables`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CAUTION = """\
How to read them: the settings of `combined` and `influence` were chosen while looking at these data, so the figures are not those
of an unseen test. Of the 1,310 IMDB suggestions only some were ever reviewed by people. In the warm runs the recipe is given its
embeddings, and `curate` takes predictions and neighbours from its cache as well. One seed of the fine-tuned model. Some days'
machines had no bfloat16: the files say which.
"""
_BESIDE = {
    "cleanlab on the same embeddings": "cleanlab",
    "combined, family partial": "combined with `--family partial`",
}
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
            f"margin {row['normalized_margin']:.2f}, neighbours {row['knn_agreement']:.2f}"
            + "".join(f"; {said} {row[key]:.2f}" for key, said in _BESIDE.items() if key in row),
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
    key = "average_precision_in_reviewed"
    if key in found["combined"]:
        said += f". Average precision within the reviewed {found['combined'][key]:.2f}, by those probabilities {found['stored_probabilities'][key]:.2f}"
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


def methods(name: str, what: str) -> list[str]:
    """A row for each selection method of `guided_methods`: failure rates at each k, the best first."""
    measured = newest(f"guided_methods_{name}")
    table = measured["results"]["table"] if measured else []
    failing: dict[str, dict[int, str]] = {}
    for row in table:
        failing.setdefault(row["method"], {})[row["k"]] = (
            f"{row['failure_rate']:.3f} ({row['failure_rate_by_label']:.3f})"
        )
    ks = sorted({k for of in failing.values() for k in of if k})
    order = sorted(failing, key=lambda method: failing[method].get(500, "9"))
    return [
        _row(
            f"{what}, {method}",
            "; ".join(f"k = {k:,}: {failing[method][k]}" for k in (ks or ()) if k in failing[method])
            or failing[method][0],
            measured,
        )
        for method in order
    ]


def audit() -> list[str]:
    measured = newest("audit")
    return [
        _row(
            f"300 audits of 200 rows, {row['data']}: the number of errors",
            f"bias {row['bias']:+.1%}, coverage of the 95 % interval {row['coverage']:.3f}, half-width "
            f"{row['half_width_over_plain']['Wilson added']:.2f} of the plain design's; F1 at the audited cut "
            f"{row['f1']['cut at the audited count']:.2f}, at the true count {row['f1']['cut at the true count']:.2f}",
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]


def fixing() -> list[str]:
    measured = newest("fixing")
    arms = {
        "given labels": "given",
        "curate fix": "relabelled",
        "curate fix --policy drop": "dropped",
        "cleanlab's issues dropped": "cleanlab's dropped",
        "reviewed: curate fix --policy drop": "dropped after 200 reviews",
        "true labels": "true",
    }
    return [
        _row(
            f"accuracy on clean data after training on labels of {row['data']}, {row['noise']}",
            ", ".join(f"{said} {row['trained on'][arm]['accuracy']['mean']:.3f}" for arm, said in arms.items()),
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]


def confident_learning() -> list[str]:
    measured = newest("confident_learning_cost")
    return [
        _row(
            f"confident learning, {row['rows']:,} × {row['classes']} {row['dtype']} {row['read']}, the same rows as cleanlab's",
            f"{row['cpu_ratio']:.1f} times less CPU",
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]


def neighbours() -> list[str]:
    measured = newest("knn_graph")
    rows = [
        _row(
            f"graph of the {row['k']} nearest, {row['rows']:,} MiniLM vectors",
            f"{row['ratio']:.1f} times less CPU than Datalab's, recall {row['ours']['recall']:.4f}",
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]
    measured = newest("knn_graph_large")
    return rows + [
        _row(
            f"graph of the {row['k']} nearest, {row['rows']:,} vectors",
            f"{row['cpu_s']:,.0f} CPU s, {row['wall_s']:,.0f} s, recall {row['recall']:.4f}",
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]


def scale() -> list[str]:
    measured = newest("select_scale")
    return [
        _row(
            f"{row['method']} chooses {row['k']:,} of {row['pool']:,} rows by 29 specifications, features in a memory map",
            f"{row['wall_s']:.0f} s, {row['cpu_s']:.0f} CPU s, {row['memory_after_MB']:,} MB of its own",
            measured,
        )
        for row in (measured["results"] if measured else [])
    ]


def expected(name: str) -> list[str]:
    measured = newest(f"expected_failures_{name}")
    if measured is None:
        return []
    found = measured["results"]["summary"]
    figures = (
        f"Spearman {found['spearman']:.3f}, mean absolute error {found['mean_absolute_error']:.3f}, largest {found['largest_error']:.3f}; "
        f"inside the interval {found['inside_the_interval']:.0%}"
    )
    return [
        _row(
            f"failure rate expected before training against the measured, `{name}`, {found['runs']} selections",
            figures,
            measured,
        )
    ]


def fixed_then_selected() -> list[str]:
    measured = newest("fix_then_select")
    rows = measured["results"]["table"] if measured else []
    rates = ", ".join(f"{row['labels']} labels and {row['rows']} {row['failure_rate']:.2f}" for row in rows)
    return (
        [_row("failure rate on `guided_hate`, 500 rows, a tenth of the labels flipped", rates, measured)]
        if rows
        else []
    )


def generating() -> list[str]:
    measured = newest("vlm_generation")
    if measured is None:
        return []
    figures = f"{measured['results']['ratio']:.1f} times the rows a CPU second, identical answers"
    return [_row("evaluation of a small LLaVA by generating, against a loop of single rows", figures, measured)]


def sections() -> dict[str, list[list[str]]]:
    """Return the tables of each section; the first rows of a section's first table stand in the README too."""
    return {
        "Label errors": [label_errors(), systematic(), imdb(), audit(), fixing()],
        "Selection by specifications": [
            [*guided("guided_hate", "probe"), *guided("guided_hate_finetuned", "MiniLM fine-tuned")],
            methods("guided_hate", "failure rate (averaged over labels) on `guided_hate`"),
            methods("guided_edos", "failure rate (averaged over labels) on `guided_edos`"),
            [*expected("guided_hate"), *expected("guided_edos"), *fixed_then_selected()],
        ],
        "V-usable information": [pvi()],
        "Time and memory": [cost(), confident_learning(), neighbours(), embedding(), scale(), generating()],
    }


def _row(what: str, figures: str, measured: dict[str, Any] | None) -> str:
    assert measured is not None
    return f"| {what} | {figures} | [{measured['date']}](benchmarks/results/{measured['file']}) |"


def _table(rows: Iterable[str]) -> str:
    return "\n".join(["| measured on real data, two cores | figures | dated |", "|---|---|---|", *rows])


def results() -> str:
    """Return docs/results.md."""
    found = [
        "# What we measured",
        "Made by `python -m benchmarks.tables` from the dated files, which hold the commands, versions and machines.",
        CAUTION.strip(),
    ]
    for name, tables in sections().items():
        found += [f"## {name}", *(_table(rows).replace("](benchmarks/", "](../benchmarks/") for rows in tables if rows)]
    return "\n\n".join(found) + "\n"


def with_results(readme: str) -> str:
    """Return the text of README with the first table of each section between its marks."""
    first = [row for tables in sections().values() for row in tables[0]]
    said = f"{_table(first)}\n\nAll of it, and how to read it: [docs/results.md](docs/results.md)."
    return re.sub(
        f"{re.escape(START)}.*{re.escape(END)}", lambda _: f"{START}\n\n{said}\n\n{END}", readme, flags=re.DOTALL
    )


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_results(path.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / "docs" / "results.md").write_text(results(), encoding="utf-8")
