"""The colours and the style sheet of every picture and page, light and dark.

The series are those of Okabe & Ito (2008), Color Universal Design, with the pale ones darkened on white until each has a
contrast of 3 to 1; tests hold the contrasts, and the distances as the colour-blind see them. Every declaration with a
colour stands twice, plain and as a variable: programs that know no variables (for print, for LaTeX) show the light theme.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LIGHT = {
    "surface": "#ffffff",
    "raised": "#f4f6f8",
    "ink": "#1b1f24",
    "muted": "#545c66",
    "grid": "#e3e7eb",
    "axis": "#7d8690",
    "s0": "#0072b2",
    "s1": "#d55e00",
    "s2": "#009e73",
    "s3": "#a02c7c",
    "s4": "#33276b",
    "s5": "#7d6a2d",
}
DARK = {
    "surface": "#14171c",
    "raised": "#1f242b",
    "ink": "#e6e9ee",
    "muted": "#a3acb8",
    "grid": "#2a3038",
    "axis": "#75808d",
    "s0": "#56b4e9",
    "s1": "#ff8a3d",
    "s2": "#1fbf92",
    "s3": "#d66bb0",
    "s4": "#f0e442",
    "s5": "#8f97ff",
}
SERIES = 6
LEVELS = 4
"""Strengths of a highlight."""

_SHARES = {"light": (0.14, 0.28, 0.44, 0.62), "dark": (0.14, 0.26, 0.38, 0.48)}


def mixed(a: str, b: str, share: float) -> str:
    """Return the colour that has `share` of b and the rest of a, channel by channel."""
    channels = [(int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in channels)


for _theme, _colours in (("light", LIGHT), ("dark", DARK)):
    for _level, _share in enumerate(_SHARES[_theme], 1):
        _colours[f"p{_level}"] = mixed(_colours["raised"], _colours["s0"], _share)
        _colours[f"n{_level}"] = mixed(_colours["raised"], _colours["s1"], _share)


def _variables(colours: Mapping[str, str]) -> str:
    return ".curate{" + "".join(f"--{name}:{colour};" for name, colour in colours.items()) + "}"


def sheet(text: str) -> str:
    """Return a style sheet in few characters, each declaration with a `$name` once in the light colour, once as variable."""
    text = re.sub(r"\s*([{};:,])\s+", r"\1", text).strip()
    return re.sub(r"[a-z-]+:[^;{}]*\$[^;{}]*", lambda found: f"{_plain(found[0])};{_variable(found[0])}", text)


def _plain(declaration: str) -> str:
    return re.sub(r"\$([a-z0-9]+)", lambda name: LIGHT[name[1]], declaration)


def _variable(declaration: str) -> str:
    return re.sub(r"\$([a-z0-9]+)", r"var(--\1)", declaration)


_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"

THEMES = (
    _variables(LIGHT)
    + "@media screen and (prefers-color-scheme:dark){"
    + _variables(DARK)
    + "}"
    + sheet(".curate { color-scheme: light dark; }")
)

PICTURE = sheet(
    "".join(
        f".curate .f{i} {{ fill: $s{i}; }} .curate .l{i} {{ stroke: $s{i}; fill: none; stroke-width: 2px; }} "
        f".curate .thin{i} {{ stroke: $s{i}; stroke-width: .75px; }} "
        for i in range(SERIES)
    )
    + f"""
svg.curate {{ max-width: 100%; height: auto; }}
.curate text {{ font-family: {_FONT}; font-size: 12px; fill: $ink; font-variant-numeric: tabular-nums; }}
.curate text.title {{ font-size: 15px; font-weight: 600; }}
.curate text.muted {{ fill: $muted; }}
.curate text.strong {{ font-weight: 600; }}
.curate text.end {{ text-anchor: end; }}
.curate text.middle {{ text-anchor: middle; }}
.curate text.halo {{ stroke: $surface; stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }}
.curate .surface {{ fill: $surface; }}
.curate .grid {{ stroke: $grid; fill: none; }}
.curate .axis {{ stroke: $axis; fill: none; }}
.curate .mark {{ stroke: $ink; stroke-width: 1.25px; fill: none; }}
.curate .dashed {{ stroke-dasharray: 5 3; }}
.curate .fine {{ stroke-width: 1.25px; }}
.curate .hit {{ fill: none; pointer-events: all; }}
.curate .ring {{ fill: $surface; stroke: $ink; stroke-width: 1.25px; }}
.curate .ink {{ fill: $ink; }}
.curate .round {{ stroke-width: 4.5px; stroke-linecap: round; }}
"""
)

_HIGHLIGHTS = "".join(
    f".curate .p{i} {{ background: $p{i}; }} .curate .n{i} {{ background: $n{i}; text-decoration: underline 2px; }} "
    for i in range(1, LEVELS + 1)
)

PAGE = sheet(
    f"""
.curate body, div.curate {{ font: 15px/1.5 {_FONT}; color: $ink; background: $surface; }}
.curate body {{ margin: 0; padding: 1.5rem; }}
.curate main {{ max-width: 62rem; margin: 0 auto; }}
.curate h1 {{ font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }}
.curate h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; }}
.curate p {{ max-width: 46rem; margin: .5rem 0; overflow-wrap: anywhere; }}
.curate .said {{ color: $muted; font-size: .85rem; }}
.curate figure {{ margin: 1rem -16px 1.5rem; overflow-x: auto; }}
.curate .table {{ overflow-x: auto; margin: 1.25rem 0 2rem; }}
.curate table {{ border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }}
.curate caption {{ text-align: left; font-weight: 600; padding: 0 0 .4rem; font-size: .95rem; }}
.curate th, .curate td {{ text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid $grid; white-space: nowrap; }}
.curate th {{ border-bottom: 1px solid $axis; }}
.curate td.long {{ white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }}
.curate .number {{ text-align: right; }}
.curate .passage {{ background: $raised; border-radius: .35rem; padding: .75rem 1rem; margin: 1.25rem 0; max-width: 46rem; }}
.curate .passage p {{ white-space: pre-wrap; line-height: 1.9; margin: .25rem 0; max-width: none; }}
.curate .passage span {{ color: $ink; border-radius: .2rem; padding: .1rem .15rem; text-decoration-color: $s1; -webkit-box-decoration-break: clone; box-decoration-break: clone; }}
{_HIGHLIGHTS}
@media screen and (max-width: 45rem) {{ .curate figure svg {{ max-width: none; }} }}
@media print {{ .curate body {{ padding: 0; }} .curate figure, .curate tr, .curate .passage {{ break-inside: avoid; }} .curate h2 {{ break-after: avoid; }} .curate .table, .curate figure {{ overflow: visible; margin: 1rem 0; }} .curate th, .curate td {{ white-space: normal; }} .curate span {{ -webkit-print-color-adjust: exact; print-color-adjust: exact; }} }}
"""
)
