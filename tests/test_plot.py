"""What holds for every picture: it is well-formed, safe, told in words, the same each time, and inside its frame."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curatekit import plot
from curatekit.errors import InputError
from curatekit.plot import Figure, Fragment
from tests.svg import ATTRIBUTES, ELEMENTS, HOSTILE, Tags, each, outside, root, titles


def histogram(words: list[str]) -> Figure:
    rng = np.random.default_rng(0)
    n = 40 * len(words)
    return plot.histogram(
        1 - rng.exponential(size=n),
        [words[i % len(words)] for i in range(n)],
        thresholds=dict.fromkeys(words, -0.2),
        names=[words[i % len(words)] for i in range(n)],
        texts=[words[i % len(words)] for i in range(n)],
        title=words[0],
        note=words[1],
        value_name=words[2],
    )


def data_map(words: list[str]) -> Figure:
    rng = np.random.default_rng(0)
    n = 20 * len(words)
    sure = rng.random(n)
    repeated = [words[i % len(words)] for i in range(n)]
    waver = np.sqrt(sure * (1 - sure)) * rng.random(n)
    return plot.data_map(sure, waver, sure.round(1), names=repeated, texts=repeated, title=words[0], note=words[1])


def learning_curve(words: list[str]) -> Figure:
    sizes = np.array([100, 200, 400])
    values = np.linspace(0, 1, 3 * len(words)).reshape(len(words), 3)
    return plot.learning_curve(
        sizes,
        values,
        values - 0.1,
        values + 0.1,
        names=words,
        fit_sizes=np.geomspace(100, 400, 9),
        fit_values=np.repeat(values.mean(axis=1)[:, None], 9, axis=1),
        asymptotes=values[:, -1] + 0.1,
        title=words[0],
        note=words[1],
        x_name=words[2],
        y_name=words[0],
    )


def bars(words: list[str]) -> Figure:
    values = np.linspace(-0.1, 0.5, len(words))
    return plot.bars(
        words,
        values,
        values - 0.05,
        values + 0.05,
        conditional=0.5 - values,
        reference=0.6,
        reference_name=words[2],
        title=words[0],
        value_name=words[1],
        conditional_name=words[2],
        note=words[3],
    )


def token_table(words: list[str]) -> Figure:
    values = np.linspace(-1, 1, len(words) ** 2)
    return plot.token_table(
        [word for word in words for _ in words],
        words * len(words),
        np.arange(len(values)),
        values,
        values - 0.1,
        values + 0.1,
        title=words[0],
        note=words[1],
        delta_name=words[2],
    )


def scatter(words: list[str]) -> Figure:
    rng = np.random.default_rng(0)
    x = rng.normal(size=20 * len(words))
    repeated = [words[i % len(words)] for i in range(len(x))]
    return plot.scatter(
        x,
        x + rng.normal(size=len(x)),
        names=repeated,
        texts=repeated,
        title=words[0],
        x_name=words[1],
        y_name=words[2],
        value_name=words[0],
        note=words[3],
    )


FIGURES = [histogram, data_map, learning_curve, bars, token_table, scatter]
PLAIN = ["acceptable", "not acceptable", "neither", "cannot be told"]
every = pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)


@every
def test_text_of_the_data_becomes_no_markup(draw: Callable[[list[str]], Figure]) -> None:
    """Whatever stands in the data, the picture is made of our elements and attributes alone, for XML and for HTML."""
    figure = draw(HOSTILE)
    for element in root(figure).iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES, element.attrib
    seen = Tags(plot.page("p", [figure]).html)
    assert seen.tags <= ELEMENTS | {"html", "head", "meta", "body", "main", "h1", "figure"}
    assert not [name for name in seen.attributes if name.startswith("on") or name in ("style", "href", "src")]
    assert not re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe]", figure.svg)
    assert len(figure.svg) < 120_000, "a long text is cut"


@every
def test_what_was_escaped_reads_as_it_was_written(draw: Callable[[list[str]], Figure]) -> None:
    figure = draw(['a <b> & "c"', "it's", "d", "e"])
    assert titles(figure)[0] == figure.title == ('a <b> & "c"')
    assert 'a <b> & "c"' in "".join(root(figure).itertext())


@every
@pytest.mark.parametrize("words", [PLAIN, HOSTILE], ids=["plain", "hostile"])
def test_no_text_leaves_the_frame(draw: Callable[[list[str]], Figure], words: list[str]) -> None:
    assert list(outside(draw(words))) == []


@every
def test_it_is_told_in_words(draw: Callable[[list[str]], Figure]) -> None:
    figure = draw(PLAIN)
    svg = root(figure)
    title, description = svg[0], svg[1]
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.text, description.text) == (figure.title, figure.alt)
    assert len(figure.alt) > 60


@every
def test_the_same_data_give_the_same_bytes(draw: Callable[[list[str]], Figure]) -> None:
    assert draw(PLAIN).svg == draw(PLAIN).svg
    code = f"from tests.test_plot import *; import sys; sys.stdout.buffer.write({draw.__name__}(PLAIN).svg.encode())"
    root_folder = Path(__file__).resolve().parents[1]
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root_folder,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    assert other.stdout.decode() == draw(PLAIN).svg


@every
def test_a_picture_needs_nothing_else(draw: Callable[[list[str]], Figure]) -> None:
    svg = draw(PLAIN).svg
    assert "prefers-color-scheme:dark" in svg
    assert not re.search(r"url\(|@import|href|https?://(?!www\.w3\.org/2000/svg)", svg)
    assert len(svg) < 40_000


@every
def test_it_is_saved_as_svg_and_as_html(draw: Callable[[list[str]], Figure], tmp_path: Path) -> None:
    figure = draw(PLAIN)
    figure.save(tmp_path / "a.svg")
    figure.save(tmp_path / "a.html")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == figure.svg == figure._repr_html_()
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert figure.html in page
    assert sorted(os.listdir(tmp_path)) == ["a.html", "a.svg"]


def test_a_picture_is_written_only_where_it_can_be(tmp_path: Path) -> None:
    figure = bars(PLAIN)
    with pytest.raises(InputError, match=r"\.svg or \.html"):
        figure.save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"as \.html\."):
        plot.page("p", [figure]).save(tmp_path / "a.svg")
    with pytest.raises(InputError, match="does not exist"):
        figure.save(tmp_path / "none" / "a.svg")
    assert os.listdir(tmp_path) == []


def parts(words: list[str]) -> list[Figure | Fragment | str]:
    return [
        words[0],
        plot.section(words[1]),
        bars(words),
        bars(list(reversed(words))),
        plot.table(words[:3], [words[3:6] if len(words) > 5 else words[:3], (None, -1234, 0.5)], caption=words[2]),
        plot.highlighted(words, np.linspace(-1, 1, len(words)), title=words[0], note=words[1]),
    ]


@pytest.mark.parametrize("words", [PLAIN, HOSTILE], ids=["plain", "hostile"])
def test_a_page_is_well_formed_and_only_of_our_elements(words: list[str], tmp_path: Path) -> None:
    import xml.etree.ElementTree as ET

    page = plot.page(words[0], parts(words))
    tree = ET.fromstring(page.html.removeprefix("<!DOCTYPE html>\n"))
    html = {
        "html",
        "head",
        "meta",
        "body",
        "main",
        "h1",
        "h2",
        "p",
        "figure",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
    }
    allowed = ELEMENTS | html | {"tr", "th", "td", "span", "strong"}
    assert {element.tag.split("}")[-1] for element in tree.iter()} <= allowed
    seen = Tags(page.html)
    assert seen.tags <= allowed
    assert not [name for name in seen.attributes if name.startswith("on") or name in ("style", "href", "src")]
    names = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(names) == len(set(names)) == 4
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html


def test_the_policy_allows_our_style_sheet_and_nothing_else() -> None:
    page = plot.page("p", parts(PLAIN)).html
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)  # one for all the pictures
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.replace("&#x27;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "<script" not in page
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_a_notebook_shows_pages_and_fragments_with_their_style() -> None:
    table = plot.table(["a"], [(1,)])
    assert "<style>" in table._repr_html_()
    assert table.html in table._repr_html_()
    figure = bars(PLAIN)
    assert plot.page("p", [figure, table])._repr_html_() == f"{figure.svg}\n{table._repr_html_()}"


def test_cells_by_hand() -> None:
    made = plot.table(["name", "n", "share"], [("a" * 400, -1234, 0.5), ("b", None, float("nan"))], caption="c").html
    cells = re.findall(r"<td[^>]*>(.*?)</td>", made)
    assert cells == ["a" * 299 + "…", "−1,234", "0.500", "b", "", "–"]
    assert re.findall(r'<th scope="col"( class="number")?>', made) == ["", ' class="number"', ' class="number"']
    assert "<caption>c</caption>" in made


def test_the_package_says_what_it_has() -> None:
    assert all(hasattr(plot, name) for name in plot.__all__)
    code = "from curatekit import plot; import sys; sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'polars', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_mark_tells_its_values_to_the_pointer() -> None:
    assert each(bars(PLAIN), "g")
    assert all(group[0].tag.endswith("title") for group in each(bars(PLAIN), "g"))
