"""The words of a row that speak for its given label, and those that speak for another: by the labels of all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from curatekit.errors import InputError
from curatekit.information.association import associations
from curatekit.information.words import count_words, word_spans

LEAST_ROWS = 5
SURE = 0.05
"""The share of false ones among the words that are said to tell a label."""
LEAST_LOG_ODDS = 0.3
"""Nats, shrunk: of a word that is frequent and hardly tells, much is known and nothing said."""

_ASKED = 10_000  # rows that the words are counted in, spread over all

FOR, AGAINST = "for", "against"


class Part(NamedTuple):
    """A part of a text: whether it speaks for the given label or against it ("" for neither), and which label it tells."""

    text: str
    speaks: str = ""
    label: str = ""


@dataclass(frozen=True)
class Telling:
    """Words, as `curatekit.information.words` has them, each with the one label that it tells most."""

    label_of: Mapping[str, str]

    def parts(self, text: str, given: str | None) -> tuple[Part, ...]:
        """Return the text in parts; one after the other they are the text."""
        found, done = [], 0
        for start, end, word in word_spans(text):
            label = self.label_of.get(word)
            if label is None:
                continue
            found += [Part(text[done:start]), Part(text[start:end], FOR if label == given else AGAINST, label)]
            done = end
        return tuple(part for part in (*found, Part(text[done:])) if part.text)


def telling(texts: Sequence[str | None], labels: Sequence[str | None]) -> Telling:
    """Return the words that surely tell a label of n rows: q ≤ 0.05, and log-odds of 0.3 or more (see `associations`).

    Counted in at most 10,000 of the rows; those without text or label are left out. Where nothing is told there are no words.
    """
    usable = [row for row, (text, label) in enumerate(zip(texts, labels, strict=True)) if text and label]
    rows = [usable[place] for place in np.linspace(0, len(usable) - 1, min(_ASKED, len(usable))).astype(int).tolist()]
    names = sorted({str(labels[row]) for row in rows})
    code = {name: number for number, name in enumerate(names)}
    counted = count_words(([str(texts[row]) for row in rows],))
    try:
        told = associations(
            counted.counts,
            np.array([code[str(labels[row])] for row in rows], np.int64),
            len(names),
            min_rows=LEAST_ROWS,
        )
    except InputError:  # one label alone, or no word in so many rows
        return Telling({})
    sure = np.flatnonzero((told.q_value <= SURE) & (told.log_odds >= LEAST_LOG_ODDS))
    # the last entry of a word stays: the label that it tells most
    order = sure[np.argsort(told.log_odds_z[sure], kind="stable")]
    return Telling({counted.words[told.word[place]]: names[told.label[place]] for place in order.tolist()})
