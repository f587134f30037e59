"""A short answer as its words, the way SQuAD compares answers."""

from __future__ import annotations

import re
import string

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_KEPT_POINT = "\N{MIDDLE DOT}"


def normalised(answer: str) -> str:
    """Return the answer in lower case without ASCII punctuation, articles and spare spaces.

    Two departures from SQuAD's script: a point between digits stays (3.5 is not 35), and an answer of which nothing would be
    left keeps its characters (the choice "A" is not an empty answer). Source: Rajpurkar et al. (2016), EMNLP, evaluate-v1.1.py.
    """
    lower = answer.lower()
    bare = _PUNCTUATION.sub("", _POINT.sub(_KEPT_POINT, lower)).replace(_KEPT_POINT, ".")
    return " ".join(_ARTICLES.sub(" ", bare).split()) or " ".join(lower.split())
