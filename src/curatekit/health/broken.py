"""Texts that something went wrong with before anybody labelled them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

# What UTF-8 looks like when it was read as Latin-1 or Windows-1252.
_MOJIBAKE = re.compile("[ÂÃ][\u0080-\u00bf\u0152\u0160\u0178\u017d\u2013-\u203a\u20ac\u2122]|â€|â\u0080")
_ENTITY = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|(?:amp|lt|gt|quot|apos|nbsp|hellip|mdash|ndash|[lr][sd]quo));"
)
_TAG = re.compile(
    r"</?(?:a|b|br|div|em|h[1-6]|i|img|li|ol|p|pre|span|strong|table|td|tr|u|ul)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]")
_FARTHER = 6.0


def faults(text: str) -> list[str]:
    """Return what is wrong with one text, in words; nothing for a sound one."""
    if not text.strip():
        return ["empty"]
    found = []
    if not any(char.isalpha() for char in text):
        found.append("no letters")
    if "\ufffd" in text:
        found.append("replacement characters (U+FFFD)")
    if _MOJIBAKE.search(text):
        found.append("wrongly decoded characters")
    if _ENTITY.search(text):
        found.append("HTML entities")
    if _TAG.search(text):
        found.append("HTML tags")
    if _CONTROL.search(text):
        found.append("control or invisible characters")
    if text != text.strip():
        found.append("spaces around it")
    return found


def unusual_lengths(texts: Sequence[str]) -> list[str | None]:
    """Return for each text whether it is far shorter or longer than the rest, in words, or None.

    Far is more than six times the spread of log length from its median; the spread is 1.4826 times the median absolute
    deviation, and at least 0.25.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    logs = np.log(np.maximum(lengths, 1))
    if not len(logs):
        return []
    median = float(np.median(logs))
    spread = max(0.25, 1.4826 * float(np.median(np.abs(logs - median))))
    usual = round(float(np.exp(median)))
    return [
        f"{length:,} character{'s' * (length != 1)}, where the median is {usual:,}"
        if abs(log - median) > _FARTHER * spread
        else None
        for length, log in zip(lengths.tolist(), logs.tolist(), strict=True)
    ]
