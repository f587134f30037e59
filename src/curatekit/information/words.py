"""Words of texts, and in which rows they stand: what every measure of words counts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curatekit.arrays import Ints

_LETTERS = r"[\w--[\p{Han}\p{Hiragana}]]"
_WORD = rf"[\p{{Han}}\p{{Hiragana}}]|{_LETTERS}+(?:'{_LETTERS}+)*"


class WordCounts(NamedTuple):
    """How often each word stands in each row; a word of the second text of a pair is another than the same of the first."""

    counts: Any  # (n, V) scipy.sparse.csr_array, int32
    words: tuple[str, ...]  # V of them
    columns: Ints  # (V,) the column of texts that the word stands in: 0, or 1 for the second text of a pair


def words(texts: Sequence[str], *, fold_case: bool = True) -> pl.Series:
    r"""Return the words of n texts, a polars Series of n lists of strings in their order.

    A word is a run of `\w` (letters, marks, digits, underscore), with apostrophes inside; a Han or Hiragana character is a
    word of its own, as in UAX #29. Composed and decomposed letters, and ’ and ', are the same. Scripts without spaces
    between words, such as Thai, give one word a phrase.
    """
    fold = str.casefold if fold_case else str
    plain = [unicodedata.normalize("NFC", fold(text)).replace("’", "'") for text in texts]
    return pl.Series(plain, dtype=pl.String).str.extract_all(_WORD)


def word_spans(text: str) -> list[tuple[int, int, str]]:
    """Return where the words of one text stand: its first character, the one behind its last, and the word as `words` has it."""
    plain, end = text.replace("’", "'"), 0
    found = []
    for word in pl.Series([plain], dtype=pl.String).str.extract_all(_WORD)[0].to_list():
        start = plain.index(word, end)
        end = start + len(word)
        found.append((start, end, unicodedata.normalize("NFC", word.casefold())))
    return found


def count_words(inputs: Sequence[Sequence[str]], *, fold_case: bool = True) -> WordCounts:
    """Return the counts of words in n rows of texts: `inputs` is one column of n texts, or two for pairs."""
    from scipy.sparse import csr_array

    n = len(inputs[0])
    occurrences = pl.concat(
        pl.DataFrame({"word": words(texts, fold_case=fold_case)})
        .with_row_index("row")
        .select("row", pl.lit(column, pl.Int64).alias("column"), "word")
        .explode("word")
        .drop_nulls("word")
        for column, texts in enumerate(inputs)
    )
    vocabulary = occurrences.select("column", "word").unique().sort("column", "word").with_row_index("code")
    cells = (
        occurrences.group_by("row", "column", "word").len().join(vocabulary, on=["column", "word"]).sort("row", "code")
    )
    counts = csr_array(
        (cells["len"].to_numpy().astype(np.int32), (cells["row"].to_numpy(), cells["code"].to_numpy())),
        shape=(n, len(vocabulary)),
    )
    return WordCounts(counts, tuple(vocabulary["word"].to_list()), vocabulary["column"].to_numpy())


def rows_with(phrases: Sequence[str], inputs: Sequence[Sequence[str]], *, fold_case: bool = True) -> Any:
    """Return which of n rows hold each of T words or phrases, a sparse (n, T) csr_array of 0 and 1.

    A phrase is held where its words follow each other in one of the row's texts; a phrase without a word is held nowhere.
    """
    from scipy.sparse import csr_array

    # Between spaces a word is found whole, and a phrase as its words.
    spaced = pl.concat_str(pl.lit(" "), pl.col("words").list.join(" "), pl.lit(" "))
    patterns = pl.DataFrame({"words": words(phrases, fold_case=fold_case)}).with_row_index("code")
    patterns = patterns.filter(pl.col("words").list.len() > 0).select("code", spaced.alias("phrase"))
    wanted = patterns["phrase"].unique().implode()
    found = pl.concat(
        pl.DataFrame({"words": words(texts, fold_case=fold_case)})
        .with_row_index("row")
        .select("row", spaced.str.extract_many(pl.lit(wanted), overlapping=True).alias("phrase"))
        .explode("phrase")
        .drop_nulls("phrase")
        for texts in inputs
    )
    cells = found.unique().join(patterns, on="phrase").sort("row", "code")
    held = np.ones(len(cells), np.int32)
    return csr_array((held, (cells["row"].to_numpy(), cells["code"].to_numpy())), shape=(len(inputs[0]), len(phrases)))
