"""The colours: contrast by WCAG 2.2, and distances as the colour-blind see them."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from curatekit.plot.style import DARK, LEVELS, LIGHT, PAGE, PICTURE, SERIES, THEMES, mixed

# Machado, Oliveira and Fernandes (2009), severity 1: linear RGB to linear RGB
VISIONS = {
    "common": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb.clip(0, 1)
    x, y, z = (c / n for c, n in zip(xyz, (0.9505, 1.0, 1.089), strict=True))
    x, y, z = (np.cbrt(c) if c > 0.008856 else 7.787 * c + 16 / 116 for c in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


themes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def test_contrast_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert mixed("#000000", "#ff8040", 0.5) == "#804020"


@themes
def test_text_can_be_read_and_marks_can_be_seen(colours: dict[str, str]) -> None:
    for ground in ("surface", "raised"):
        assert contrast(colours["ink"], colours[ground]) >= 7
        assert contrast(colours["muted"], colours[ground]) >= 4.5
    for i in range(SERIES):
        assert contrast(colours[f"s{i}"], colours["surface"]) >= 3
    assert contrast(colours["axis"], colours["surface"]) >= 3


@themes
def test_highlighted_text_can_be_read_on_every_level_and_stronger_levels_stand_out(colours: dict[str, str]) -> None:
    for sign in "pn":
        grounds = [colours["raised"], *(colours[f"{sign}{i}"] for i in range(1, LEVELS + 1))]
        assert all(contrast(colours["ink"], ground) >= 4.5 for ground in grounds)
        away = [contrast(ground, grounds[0]) for ground in grounds]
        assert away == sorted(away)
        assert all(b / a > 1.08 for a, b in itertools.pairwise(away))


@themes
@pytest.mark.parametrize("vision", VISIONS)
def test_series_are_told_apart_by_every_eye(colours: dict[str, str], vision: str) -> None:
    seen = [lab(np.array(VISIONS[vision]) @ linear(colours[f"s{i}"])) for i in range(SERIES)]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 9


def test_each_variable_is_set_in_both_themes_and_has_a_plain_colour_before_it() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"var\(--(\w+)\)", PICTURE + PAGE)) <= LIGHT.keys()
    assert "$" not in THEMES + PICTURE + PAGE
    for found in re.finditer(r"([a-z-]+):([^:;{}]*);\1:[^:;{}]*var\(--(\w+)\)", PICTURE + PAGE):
        assert LIGHT[found[3]] in found[2]
    assert len(re.findall(r"var\(", PICTURE)) == len(re.findall("#[0-9a-f]{6}", PICTURE)) > 20
