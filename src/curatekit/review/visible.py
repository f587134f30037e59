"""Text from the data as a page shows it: characters that hide, or turn the line around, are named."""

from __future__ import annotations

import unicodedata

_PLAIN = frozenset("\n\t\u200c\u200d")  # the joiners are letters' business in Persian, Hindi and emoji
_HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def visible(text: str | None) -> str:
    """Return the text with control characters, bidi marks and invisible ones as ‹U+202E›; escaping is the template's."""
    if not text or text.isprintable():
        return text or ""
    text = text.replace("\r\n", "\n")
    return "".join(
        f"‹U+{ord(char):04X}›" if unicodedata.category(char) in _HIDING and char not in _PLAIN else char
        for char in text
    )
