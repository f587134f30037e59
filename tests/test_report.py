"""The report: its figures are those of the commands, it is one file that asks for nothing, and text from data is inert."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from curatekit.artifacts import Artifacts
from curatekit.dataset import Columns, Dataset
from curatekit.embed import Features
from curatekit.errors import InputError, VerificationFailed
from curatekit.files import write_json
from curatekit.index import Neighbours
from curatekit.label_errors import find_label_errors
from curatekit.predict.crossfit import Predictions
from curatekit.report.embedding_map import POINTS, principal_components, sampled
from curatekit.report.make import made
from curatekit.report.outputs import address, read_output
from curatekit.report.page import script
from curatekit.run import Run, recorded
from curatekit_cli.report import command as report
from tests.browser import browser, chromium

HOSTILE = [
    "<script>window.PWNED = 1</script>",
    "</textarea></title></style></script><img src=x onerror='window.PWNED = 1'>",
    "javascript:alert(1)",
    "\" onmouseover='window.PWNED = 1' x=\"",
    "]]><![CDATA[ &lt; nul \x00 bidi \u202e",
]


def small(n: int = 120, classes: tuple[str, ...] = ("no", "yes"), seed: int = 0, path: str = "data.csv") -> Artifacts:
    """Artifacts whose embeddings, predictions and neighbours are given, so that no model is needed."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    labels = np.arange(n) % k
    texts = tuple(HOSTILE[i] + f" {i}" if i < len(HOSTILE) else f"message number {i}" for i in range(n))
    ids = np.array([f"{HOSTILE[i % 5]}{i}" if i < 10 else str(i) for i in range(n)], dtype=object)
    frame = pl.DataFrame({"text": texts, "label": [classes[label] for label in labels]})
    dataset = Dataset(frame, ids, (texts,), labels, classes, Columns(("text",), "label", None), path, "0" * 64)
    embeddings = rng.normal(size=(n, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    probs = rng.dirichlet(np.ones(k), size=n)
    probs[np.arange(n), labels] += 1
    probs /= probs.sum(axis=1, keepdims=True)
    null = np.full((n, k), 1 / k)
    artifacts = Artifacts(
        dataset, predictions=Predictions(probs, null, np.arange(n) % 5, np.zeros(n, dtype=bool), "given")
    )
    artifacts.__dict__["features"] = Features(embeddings, np.zeros((n, 0), np.float16), np.zeros(n, dtype=bool), 0)
    rows = (np.arange(n)[:, None] + np.arange(1, 6)) % n
    artifacts.__dict__["neighbours"] = Neighbours(rows, np.full((n, 5), 0.5), 1.0, "exact")
    return artifacts


def written(artifacts: Artifacts, path: Path, **more: Any) -> tuple[str, ET.Element]:
    made(artifacts, **more).save(path)
    text = path.read_text(encoding="utf-8")
    return text, ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def test_what_is_in_the_data_is_text_and_nothing_else(tmp_path: Path) -> None:
    text, page = written(small(classes=tuple(HOSTILE), path=f"folder/{HOSTILE[0]}.csv"), tmp_path / "report.html")
    assert [element.text for element in page.iter("script")] == [script()]
    assert {element.tag for element in page.iter()} & {"img", "iframe", "form", "object", "textarea", "link"} == set()
    for element in page.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        if href := element.attrib.get("href"):
            assert href.startswith(("#", "./")), href
    assert "\u202e" not in text
    shown = "".join(page.itertext())
    assert all(visible in shown for visible in ("<script>window.PWNED", "onmouseover=", "<![CDATA["))


def test_nothing_is_asked_of_the_network(tmp_path: Path) -> None:
    text, _ = written(small(), tmp_path / "report.html")
    assert set(re.findall(r"(?:https?:)?//[a-z][^\s\"'<]*", text.split("<script>")[0])) <= {
        "http://www.w3.org/2000/svg"
    }
    assert "default-src &#x27;none&#x27;" in text
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket|innerHTML|eval)\b", script())
    assert not {"<", "&"} & set(script())


def test_it_can_be_read_without_scripts(tmp_path: Path) -> None:
    _, page = written(small(), tmp_path / "report.html")
    assert not any("hidden" in element.attrib or "gone" in element.attrib.get("class", "") for element in page.iter())
    assert len(list(page.iter("article"))) == 30
    for picture in page.iter("{http://www.w3.org/2000/svg}svg"):
        if picture.attrib.get("role") == "img":
            assert picture.find("{http://www.w3.org/2000/svg}desc").text  # type: ignore[union-attr]
    names = [element.attrib["id"] for element in page.iter() if "id" in element.attrib]
    assert len(names) == len(set(names))
    assert {link.attrib["href"][1:] for link in page.iter("a") if link.attrib["href"][0] == "#"} <= set(names)


def test_a_hundred_thousand_rows_stay_under_three_megabytes(tmp_path: Path) -> None:
    artifacts = small(100_000)
    checked = output(tmp_path, "check", {"problems": {"broken": 0}, "n_rows_affected": 0})
    given = [read_output(checked, artifacts.dataset, tmp_path)]
    _, page = written(artifacts, tmp_path / "report.html", outputs=given)
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    points = [e for e in page.iter("{http://www.w3.org/2000/svg}circle") if "point" in e.attrib.get("class", "")]
    assert len(points) == POINTS
    assert "A sample of 2,000 of 100,000 rows" in "".join(page.itertext())


def test_sections_are_there_where_they_have_something_to_show(tmp_path: Path) -> None:
    _, page = written(small(), tmp_path / "report.html")
    sections = [element.attrib["id"] for element in page.iter("section")]
    assert sections == ["health", "information", "errors", "map", "provenance"]


def test_the_figures_are_those_of_the_functions(tmp_path: Path) -> None:
    from curatekit.information import v_information

    artifacts = small()
    _, page = written(artifacts, tmp_path / "report.html")
    shown = "".join(page.itertext())
    v = artifacts.call(v_information).v_information
    assert f"{v.value:.3f} [{v.low:.3f}, {v.high:.3f}]" in shown
    found = artifacts.call(find_label_errors, family="given")
    assert f"{found.summary.n_issues:,} ({found.summary.issue_share:.1%})" in shown
    assert found.summary.caution in shown


def output(
    folder: Path, command: str, metrics: dict[str, Any], sha256: str = "0" * 64, second: str | None = None, **given: Any
) -> Path:
    """Write a table as a command would, with its manifest; second: the hash of what it read beside the data."""
    path = folder / f"javascript:{command}.csv"
    with recorded(command, given) as run:
        run.input("-", sha256)
        if second is not None:
            run.input("hf://second", second)
        pl.DataFrame({"id": ["1"], "text": ["t"], "label": ["no"]}).write_csv(path)
        run.output(path)
        run.metrics.update(metrics)
    return path


def test_outputs_are_recognised_by_their_manifests(tmp_path: Path) -> None:
    spread = {"mean": 0.25, "sd": None}
    measures = dict.fromkeys(["failure_rate", "failure_rate_by_label", "accuracy", "macro_f1", "expected"], spread)
    table = [
        {"model": model, "method": method, "k": k, "runs": 1, "measures": measures, "per_specification": {"<b>": 0.125}}
        for model, method, k in (("M0", "none", 0), ("M1", "random", 5), ("M2", "influence", 5))
    ]
    artifacts = small()
    found = read_output(output(tmp_path, "guided", {"table": table}), artifacts.dataset, tmp_path)
    text, page = written(artifacts, tmp_path / "report.html", outputs=[found])
    training = next(section for section in page.iter("section") if section.attrib["id"] == "training")
    shown = "".join(training.itertext())
    assert all(word in shown for word in ("M2, influence", "0.250", "0.125", "<b>"))
    assert 'href="./javascript%3Aguided.csv.run.json"' in text


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    dataset = small().dataset
    with pytest.raises(InputError, match="was made from other data"):
        read_output(output(tmp_path, "find-errors", {}, sha256="1" * 64), dataset, tmp_path)
    with pytest.raises(InputError, match="of which a report shows nothing"):
        read_output(output(tmp_path, "embed", {}), dataset, tmp_path)
    (tmp_path / "plain.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match="has no manifest"):
        read_output(tmp_path / "plain.csv", dataset, tmp_path)
    with pytest.raises(InputError, match="There is no file"):
        read_output(tmp_path / "none.csv", dataset, tmp_path)
    path = output(tmp_path, "guided", {"table": []})
    path.write_text("other")
    with pytest.raises(VerificationFailed, match="it was changed"):
        read_output(path, dataset, tmp_path)


def test_what_tells_of_another_dataset_is_refused_also_where_this_one_was_read(tmp_path: Path) -> None:
    dataset, other = small().dataset, "1" * 64
    for command, given, measured, first in (
        ("pvi", {"eval_file": "b.csv"}, False, True),  # the data is what was trained on
        ("check", {"data": "b.csv", "against": "a.csv"}, False, False),  # what was compared with
        ("check", {"data": "a.csv", "against": "b.csv"}, True, True),
    ):
        hashes = (dataset.sha256, other) if first else (other, dataset.sha256)
        path = output(tmp_path, command, {"problems": {}}, *hashes, **given)
        if measured:
            assert read_output(path, dataset, tmp_path).of(dataset)
        else:
            with pytest.raises(InputError, match="was made from other data"):
                read_output(path, dataset, tmp_path)
    with pytest.raises(InputError, match="has no column"):  # of this data, since it was evaluated on
        read_output(output(tmp_path, "pvi", {}, other, dataset.sha256, eval_file="a.csv"), dataset, tmp_path)


def test_outputs_of_another_shape_are_refused(tmp_path: Path) -> None:
    dataset = small().dataset
    for kind in ("number", "multi", "preference"):
        with pytest.raises(InputError, match=f"tells of labels of the kind {kind}"):
            read_output(output(tmp_path, "find-errors", {"label_kind": kind}), dataset, tmp_path)
    with pytest.raises(InputError, match="has no column 'given_label'"):
        read_output(output(tmp_path, "find-errors", {}), dataset, tmp_path)
    with pytest.raises(InputError, match="has no column 'pvi'"):  # such as --dynamics wrote
        read_output(output(tmp_path, "pvi", {}), dataset, tmp_path)


@pytest.mark.parametrize(
    ("command", "metrics", "words"),
    [
        ("finetune classifier", {"rows": 2800, "eval": {"accuracy": {"value": 0.8125, "low": 0.75, "high": 0.875}}}, ("2,800", "0.812", "0.875")),
        ("finetune lm", {"completions": 2800, "left_out": 17, "eval": {"rows": 5555, "rouge_l": 0.4375, "intervals": {"rouge_l": {"value": 0.4375, "low": 0.3125, "high": 0.625}}}},
         ("2,800", "17", "rouge_l", "0.438", "0.312", "0.625")),
        ("finetune vlm", {"rows": 2800, "too_long": 17, "eval": {"exact_match": 0.4375, "step": 5555}}, ("2,800", "17", "exact_match", "0.438")),
        ("finetune encoder", {"rows": 2800, "before": {"map": 0.3125}, "after": {"map": 0.4375}}, ("2,800", "map", "before", "0.312", "0.438")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_every_model_that_finetune_makes_is_shown(
    tmp_path: Path, command: str, metrics: dict[str, Any], words: tuple[str, ...]
) -> None:
    from curatekit.report.training import training

    section = training([read_output(output(tmp_path, command, metrics), small().dataset, tmp_path)])
    assert section is not None
    shown = str(section.html("."))
    assert all(word in shown for word in words), shown
    assert "5,555" not in shown


def test_the_curves_of_a_model_are_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    lines = [{"loss": 2.0 / step, "eval_accuracy": 0.1 * step, "eval_runtime": 1.0, "step": step} for step in (1, 2, 3)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(folder / "curatekit.json", {})
    with recorded("finetune", {}) as run:
        assert isinstance(run, Run)
        run.output(folder)
        run.metrics.update(rows=2800, added=400)
    artifacts = small()
    _, page = written(artifacts, tmp_path / "r.html", outputs=[read_output(folder, artifacts.dataset, tmp_path)])
    shown = "".join(page.itertext())
    assert all(word in shown for word in ("loss of model", "eval_accuracy of model", "2,800"))
    assert "eval_runtime" not in shown


def test_principal_components_are_those_of_the_singular_value_decomposition() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 7)) * np.arange(1, 8)
    at, shares = principal_components(rows)
    centred = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(at), np.abs(u[:, :2] * s[:2]), rtol=1e-8)
    np.testing.assert_allclose(shares, s[:2] ** 2 / (s**2).sum())


def test_a_sample_holds_issues_for_a_quarter_at_most() -> None:
    issues = np.arange(10_000) % 2 == 0
    rows = sampled(issues, np.random.default_rng(0), 100)
    assert len(set(rows.tolist())) == 100
    assert issues[rows].sum() == 25
    assert sampled(issues[:50], np.random.default_rng(0), 100).tolist() == list(range(50))


def test_a_link_has_no_scheme(tmp_path: Path) -> None:
    assert address(tmp_path / "a" / "javascript:x?#%.json", tmp_path / "b") == "./../a/javascript%3Ax%3F%23%25.json"


def test_the_command_says_what_it_recognised_and_computed(tmp_path: Path, encoder: object) -> None:
    from curatekit_cli.find_errors import command as find_errors

    texts = [f"{'good' if i % 2 else 'bad'} thing number {i}" for i in range(60)]
    labels = ["yes" if i % 2 else "no" for i in range(60)]
    pl.DataFrame({"text": texts, "label": labels}).write_csv(tmp_path / "d.csv")
    run = CliRunner()
    at = [str(tmp_path / name) for name in ("d.csv", "issues.csv", "report.html")]
    errors = run.invoke(find_errors, [at[0], "--folds", "2", "-o", at[1], "--json"])
    assert errors.exit_code == 0, errors.output
    ran = run.invoke(report, [at[0], at[1], "--folds", "2", "-o", at[2], "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["recognised"] == {at[1]: "find-errors"}
    assert told["computed"] == ["checks of the data", "PVI", "the map"]
    text = Path(at[2]).read_text(encoding="utf-8")
    assert f"{json.loads(errors.stdout.splitlines()[-1])['n_issues']:,} (" in text
    assert 'href="./issues.csv.run.json"' in text
    assert Path(at[2] + ".run.json").exists()
    wrong = run.invoke(report, [at[0], "-o", str(tmp_path / "report.pdf")])
    assert wrong.exit_code == 2, wrong.output


@pytest.mark.skipif(chromium() is None, reason="no Chromium is installed")
def test_in_a_browser(tmp_path: Path) -> None:
    written(small(classes=(HOSTILE[1], "no", "yes")), tmp_path / "report.html")
    with browser(tmp_path / "profile") as page:
        for scheme in ("light", "dark"):
            page.scheme(scheme)
            page.open((tmp_path / "report.html").as_uri())
            page.wait("document.querySelectorAll('.tools').length >= 3")
        assert page.value("window.PWNED") is None
        assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
        shown = "document.querySelectorAll('.point:not(.gone)').length"
        assert page.value(shown) == 120
        page.value("document.querySelector('.tools button[aria-pressed]').click()")
        assert page.value(shown) == 80
        page.value("document.querySelector('[aria-label=\"zoom in\"]').click()")
        assert page.value("document.querySelector('.window').viewBox.baseVal.width") < 700
        first = "document.querySelector('#information tbody tr td').textContent"
        page.value("document.querySelector('#information th button').click()")
        up = page.value(first)
        page.value("document.querySelector('#information th button').click()")
        assert page.value(first) != up
        asked = [
            event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
        ]
        assert all(url.startswith("file://") for url in asked)
        assert page.complaints() == []
